use super::{Build, Declared, Method, MethodEntry};
use crate::objective::{
    ConfusedClassification, FusedClassification, FusedConfusion, Layout, ModalityConfusion, Role, Shape, Term,
};

/// Joint adversarial training (MDJA of Peng et al., ACM MM 2025) as in the code of MMDG-Bench: encoders work against discriminators of domains,
/// one shared by modalities and one on all embeddings, and against one of modalities; uni-modal losses count by how little a modality tells of the
/// domain.
///
/// Differences from that code: the shared discriminator has a norm over the elements of a row, not over the batch; the epoch is
/// chosen by validation (there the last). With one source domain the losses of domains are 0.
pub const ENTRY: MethodEntry = MethodEntry {
    classes_only: Some("its weights are entropies of probabilities"),
    ..MethodEntry::new(
        "jat",
        "against discriminators of domains and of modalities (MDJA, Peng et al., ACM MM 2025)",
        &[
            (Role::Task, "classifier", "live"),
            (Role::Unimodal, "unimodal", "live"),
            (Role::Domain, "domain-projection", "live"),
            (Role::Domain, "discriminator", "live"),
            (Role::Auxiliary, "modality-projection", "live"),
        ],
    )
};

pub const BUILD: Build = |_, _, _| Box::new(Jat);

#[derive(Debug)]
struct Jat;

impl Method for Jat {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let classifier = FusedClassification::declare(shape, layout);
        let (unimodal, domains) = ConfusedClassification::declare(shape, layout);
        let modalities = ModalityConfusion::declare(shape, layout);
        let fused = FusedConfusion::declare(shape, layout);
        Declared::live(vec![
            Term::new(Role::Task, classifier),
            Term::new(Role::Unimodal, unimodal),
            Term::new(Role::Domain, domains),
            Term::new(Role::Domain, fused),
            Term::new(Role::Auxiliary, modalities),
        ])
    }
}
