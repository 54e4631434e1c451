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
        let imbalance = Parameters {
            seed: 0,
            h: 0.5,
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
            Self::Imbalance => imbalance,
            Self::Shift => Parameters { h: 0.0, a: 2.8, b: 1.6, kappa: 1.2, c: 3.0, ..imbalance },
            // few classes of small codes, which are learnt to the end
            Self::Control => {
                Parameters { h: 0.0, a: 1.6, b: 1.5, classes: 4, cue_width: 4, code_width: 4, rows: 3000, ..imbalance }
            }
        }
    }
}
