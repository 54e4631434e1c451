//! Whether a row's features are its own: rows that share a batch must not feel each other, or what a store holds would depend on its order.

use std::ops::Range;

use super::onnx::Backbone;
use crate::rng::Stream;

/// How far a row's features may be from what it gives alone, relative to their length. Kernels for other sizes of batches add up in another order.
const TOLERANCE: f64 = 1e-4;

/// Rows of seeded noise: zeros would hide a scale that rows share.
pub(super) fn noise(backbone: &Backbone, rows: Range<usize>) -> Vec<f32> {
    let element = backbone.element();
    let elements = backbone.row_elements();
    let row = |row: usize| {
        let draw = Stream::new(0).with("neighbours").at(row as u32);
        (0..elements as u32).map(move |i| element.noise(draw.uniform(i)))
    };
    rows.flat_map(row).collect()
}

/// Runs rows alone, in twos and in batches of the chosen size, and compares.
///
/// # Errors
/// A sentence that names `batch-size`, where they are not the same.
pub(super) fn check(backbone: &mut Backbone, quantizes: bool) -> Result<(), String> {
    let batch = backbone.batch();
    // one that shares a range by its nature runs alone, or as the user asked
    if batch == 1 || quantizes {
        return Ok(());
    }
    let whole = outputs(backbone, 0..batch)?;
    if backbone.batch_is_fixed() {
        // the same rows in another order
        let elements = backbone.row_elements();
        let mut turned = noise(backbone, 0..batch);
        turned.rotate_left(elements);
        let turned = run(backbone, &turned, batch)?;
        let moved = |row: usize| turned[(row + batch - 1) % batch].as_slice();
        let apart = (0..batch).map(|row| distance(moved(row), &whole[row])).fold(0.0, f64::max);
        return if apart <= TOLERANCE {
            Ok(())
        } else {
            Err(format!(
                "rows of its batches of {batch} feel each other (features {apart:.1e} apart, relative to their length, in another order); expected a model exported with a \
                 free batch, and batch-size = 1"
            ))
        };
    }
    for rows in [0..1, 1..2, batch - 1..batch, 0..2] {
        let size = rows.len();
        let found = outputs(backbone, rows.clone()).map_err(|problem| {
            format!("it runs with {batch} rows at once, but not with {size}: {problem}; expected a model exported with a free batch, or batch-size = 1")
        })?;
        let apart = found.iter().zip(&whole[rows]).map(|(found, whole)| distance(whole, found)).fold(0.0, f64::max);
        if apart > TOLERANCE {
            return Err(format!(
                "a row gives other features among {batch} than among {size} ({apart:.1e} apart, relative to their length; at most {TOLERANCE:.0e} is rounding); expected \
                 batch-size = 1"
            ));
        }
    }
    Ok(())
}

/// Features of each row, all outputs one after the other.
fn outputs(backbone: &mut Backbone, rows: Range<usize>) -> Result<Vec<Vec<f32>>, String> {
    let input = noise(backbone, rows.clone());
    run(backbone, &input, rows.len())
}

pub(super) fn run(backbone: &mut Backbone, input: &[f32], rows: usize) -> Result<Vec<Vec<f32>>, String> {
    let mut found = vec![Vec::new(); rows];
    backbone.rows(input, rows, |_, values| {
        found.iter_mut().zip(values.chunks_exact(values.len() / rows)).for_each(|(row, values)| row.extend_from_slice(values));
    })?;
    Ok(found)
}

/// ‖a − b‖ / ‖b‖ over what is finite in both; infinite where anything else is not the same.
pub(super) fn distance(a: &[f32], b: &[f32]) -> f64 {
    let (mut difference, mut length) = (0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        if !(a.is_finite() && b.is_finite()) {
            if a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()) {
                return f64::INFINITY;
            }
            continue;
        }
        difference += (f64::from(a) - f64::from(b)).powi(2);
        length += f64::from(b).powi(2);
    }
    if difference == 0.0 { 0.0 } else { (difference / length).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_relative_and_see_what_is_not_finite() {
        assert_eq!(distance(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert_eq!(distance(&[6.0, 8.0], &[3.0, 4.0]), 1.0);
        assert_eq!(distance(&[f32::NAN, 1.0], &[f32::NAN, 1.0]), 0.0);
        assert_eq!(distance(&[f32::NAN, 1.0], &[0.0, 1.0]), f64::INFINITY);
        assert_eq!(distance(&[f32::INFINITY], &[f32::NEG_INFINITY]), f64::INFINITY);
        assert_eq!(distance(&[1.0], &[0.0]), f64::INFINITY);
        assert_eq!(distance(&[0.0], &[0.0]), 0.0);
    }
}
