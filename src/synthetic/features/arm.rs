use super::Parameters;

/// A set of parameters with a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// Most of the quick cue is bound to its domain, the slow one holds everywhere: joint training leans on the wrong one.
    Imbalance,
    /// Sources of unlike priors that a common direction tells apart, along which the target lies further out: what
    /// adversarial training takes away.
    Shift,
    /// No domain differs from another: there is nothing to gain.
    Control,
}

impl Arm {
    /// Every arm.
    pub const ALL: [Self; 3] = [Self::Imbalance, Self::Shift, Self::Control];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imbalance => "imbalance",
            Self::Shift => "shift",
            Self::Control => "control",
        }
    }

    /// Its parameters, seed 0.
    pub fn parameters(self) -> Parameters {
        let control = Parameters {
            seed: 0,
            h: 0.0,
            a: 3.0,
            s: 1.0,
            b: 1.7,
            kappa: 0.0,
            c: 0.0,
            c_slow: 0.0,
            classes: 6,
            rows: 2000,
            cue_width: 8,
            code_width: 8,
            shift_width: 4,
        };
        match self {
            Self::Control => control,
            Self::Imbalance => Parameters { h: 0.5, ..control },
            Self::Shift => Parameters { kappa: 1.2, c: 3.0, ..control },
        }
    }
}
