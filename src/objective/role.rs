/// What a loss is for: balancers choose by it, never by a loss's place among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// What the model is judged by: a loss of the fused head.
    Task,
    /// Losses of heads that see one modality each.
    Unimodal,
    /// What makes embeddings tell less of the domain: the loss of a discriminator, which encoders work against, so that its scale is
    /// negative, or a distance between domains.
    Domain,
    /// Anything else that encoders learn from: consistency, contrast, distillation.
    Auxiliary,
}

impl Role {
    /// Every role, in the order of the columns where each has one.
    pub const ALL: [Self; 4] = [Self::Task, Self::Unimodal, Self::Domain, Self::Auxiliary];

    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Unimodal => "uni-modal",
            Self::Domain => "domain",
            Self::Auxiliary => "auxiliary",
        }
    }
}
