//! Taking a dimension out of a row.

use super::settings::{ImportSettings, ROWS, Reduce};
use super::source::Found;

/// The row with a dimension reduced, where that is asked for: the named one, else the first of several.
///
/// # Errors
/// A sentence, for a row that has not the dimensions that it should have.
pub(super) fn reduced(found: Found, settings: &ImportSettings) -> Result<(Vec<u64>, Vec<f64>), String> {
    let Found { shape, values, .. } = found;
    let own = settings.axes.as_deref().map(|axes| axes.strip_prefix(&[ROWS.to_owned()]).unwrap_or(axes));
    if let Some(axes) = own.filter(|axes| axes.len() != shape.len()) {
        return Err(format!("rows of {shape:?} for the dimensions {}; expected one for each", axes.join(",")));
    }
    let named = settings.reduce_axis.as_ref().and_then(|name| own?.iter().position(|axis| axis == name));
    let (reduce, axis) = match (settings.reduce, named) {
        (Some(reduce), Some(axis)) => (reduce, axis),
        (Some(reduce), None) if shape.len() > 1 => (reduce, 0),
        _ if shape.is_empty() => return Ok((vec![1], values)),
        _ => return Ok((shape, values)),
    };
    let (steps, inner) = (shape[axis] as usize, shape[axis + 1..].iter().product::<u64>() as usize);
    let outer = |block: &[f64]| {
        let of = |place: usize| {
            let mut along = (0..steps).map(|step| block[step * inner + place]);
            match reduce {
                Reduce::Mean => along.sum::<f64>() / steps as f64,
                Reduce::Max => along.fold(f64::NEG_INFINITY, f64::max),
                Reduce::First => along.next().unwrap_or_default(),
            }
        };
        (0..inner).map(of).collect::<Vec<_>>()
    };
    let kept = values.chunks_exact((steps * inner).max(1)).flat_map(outer).collect();
    let left: Vec<u64> = shape.iter().enumerate().filter(|(place, _)| *place != axis).map(|(_, length)| *length).collect();
    Ok((if left.is_empty() { vec![1] } else { left }, kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Dtype;

    fn of(shape: &[u64], reduce: &str, axes: &str) -> Result<(Vec<u64>, Vec<f64>), String> {
        let count = shape.iter().product::<u64>();
        let values = (0..count).map(|value| value as f64).collect();
        let found = Found { shape: shape.to_vec(), dtype: Dtype::F32, values, span: None, place: String::new() };
        let (how, axis) = reduce.split_once('=').map_or((reduce, None), |(how, axis)| (how, Some(axis.to_owned())));
        let known = [Reduce::Mean, Reduce::Max, Reduce::First];
        let axes = (!axes.is_empty()).then(|| axes.split(',').map(str::to_owned).collect());
        let settings = ImportSettings {
            reduce: known.into_iter().find(|reduce| reduce.name() == how),
            reduce_axis: axis,
            axes,
            ..ImportSettings::default()
        };
        settings.check().map_err(|error| error.to_string())?;
        reduced(found, &settings)
    }

    #[test]
    fn a_dimension_is_taken_out_by_name() {
        assert_eq!(of(&[2, 3], "mean", ""), Ok((vec![3], vec![1.5, 2.5, 3.5])));
        assert_eq!(of(&[3], "mean", ""), Ok((vec![3], vec![0.0, 1.0, 2.0])));
        assert_eq!(of(&[], "mean", ""), Ok((vec![1], vec![0.0])));
        assert_eq!(of(&[2, 3], "", "N,T,D"), Ok((vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])));
        assert_eq!(of(&[2, 3], "mean=D", "N,T,D"), Ok((vec![2], vec![1.0, 4.0])));
        assert_eq!(of(&[2, 3], "max=T", "T,D"), Ok((vec![3], vec![3.0, 4.0, 5.0])));
        assert_eq!(of(&[2, 2, 2], "first=B", "N,A,B,C"), Ok((vec![2, 2], vec![0.0, 1.0, 4.0, 5.0])));
        assert_eq!(of(&[4], "mean=T", "N,T"), Ok((vec![1], vec![1.5])));
        assert_eq!(
            of(&[2, 3, 4], "mean=T", "N,T,D"),
            Err("rows of [2, 3, 4] for the dimensions T,D; expected one for each".into())
        );
        for (reduce, axes, says) in [
            ("mean=X", "N,T,D", "--reduce …=X"),
            ("mean=N", "N,T,D", "--reduce …=N"),
            ("mean=T", "", "--reduce …=T"),
            ("", "N,T,T", "names that differ"),
            ("", "T,N", "rows (N) are not the first"),
        ] {
            let problem = of(&[2, 3], reduce, axes).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
