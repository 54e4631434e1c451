//! Figures on rows that nothing is learned from.

use serde::{Deserialize, Serialize};

/// What a run's model says of some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean classification loss.
    pub loss: f64,
    /// Share of rows that are right, in [0, 1].
    pub accuracy: f64,
    /// Counts by true (rows) and predicted class (columns).
    pub confusion: Vec<Vec<u64>>,
}

impl Evaluation {
    /// From (true class, predicted class, loss) by row.
    pub fn from_rows(classes: usize, rows: impl IntoIterator<Item = (usize, usize, f64)>) -> Self {
        let mut confusion = vec![vec![0; classes]; classes];
        let (mut total, mut right, mut loss) = (0u64, 0u64, 0.0);
        for (truth, predicted, row_loss) in rows {
            confusion[truth][predicted] += 1;
            total += 1;
            right += u64::from(truth == predicted);
            loss += row_loss;
        }
        let total = total.max(1) as f64;
        Self { loss: loss / total, accuracy: right as f64 / total, confusion }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_means() {
        let e = Evaluation::from_rows(2, [(0, 0, 1.0), (0, 1, 2.0), (1, 1, 0.0), (1, 1, 1.0)]);
        assert_eq!(e, Evaluation { loss: 1.0, accuracy: 0.75, confusion: vec![vec![1, 1], vec![0, 2]] });
    }
}
