//! A look at every row of a modality, before anything is written.

use rayon::prelude::*;

use super::labels::Labelled;
use super::reduce::reduced;
use super::settings::{ImportSettings, ModalitySource, Reduce};
use super::source::ArraySource;
use crate::sample::Dtype;
use crate::stop::Stop;
use crate::store::ModalityHeader;
use crate::{Error, Result};

/// What is kept of a row that was looked at.
struct Look {
    before: Vec<u64>,
    shape: Vec<u64>,
    dtype: Dtype,
    place: String,
}

/// What all rows are, and which are there.
pub(super) fn survey(
    modality: &ModalitySource,
    source: &ArraySource,
    settings: &ImportSettings,
    labels: &Labelled,
    stop: &Stop,
) -> Result<(ModalityHeader, Vec<bool>)> {
    let segments = &labels.manifest.segments;
    let looks = (0..segments.len()).into_par_iter().map(|row| {
        stop.check()?;
        look(source, settings, row, &segments[row].id)
    });
    let looks = looks.collect::<Vec<_>>();
    // what is wrong with one is mostly wrong with many
    let wrong = looks.iter().filter(|look| look.is_err()).count();
    let mut rows = Vec::with_capacity(looks.len());
    for look in looks {
        rows.push(look.map_err(|error| match error {
            Error::Input { input, problem } if wrong > 1 => {
                Error::input(input, format!("{problem} (and {} more rows)", wrong - 1))
            }
            error => error,
        })?);
    }
    let header = |shape: &[u64], dtype| {
        let header = ModalityHeader {
            shape: shape.to_vec(),
            ..ModalityHeader::features(&modality.name, modality.kind, settings.dtype.unwrap_or(dtype), 1)
        };
        header.check().map_err(|problem| Error::input(format!("modality {:?}", header.name), problem)).map(|()| header)
    };
    let there = rows.iter().map(Option::is_some).collect();
    let Some((first, id)) = rows.iter().zip(segments).find_map(|(look, segment)| Some((look.as_ref()?, &segment.id))) else {
        // a file that says so of every row says what rows would be
        if let Some((shape, dtype)) = source.stated().filter(|_| settings.reduce.is_none()) {
            return Ok((header(&shape, if dtype == Dtype::F64 { Dtype::F32 } else { dtype })?, there));
        }
        return Err(Error::input(
            source.place(),
            format!("none of the {} rows is in it; the first would be {:?}", segments.len(), segments[0].id),
        ));
    };
    for (look, segment) in rows.iter().zip(segments) {
        if let Some(look) = look.as_ref().filter(|look| look.shape != first.shape) {
            let hint = match (settings.reduce, look.before.len() > 1) {
                (None, true) => ", or --reduce mean, max or first over the first dimension",
                _ => "",
            };
            let problem = format!(
                "{:?}: shape {:?}, but that of {id:?} is {:?}; expected one shape{hint}",
                segment.id, look.shape, first.shape
            );
            return Err(Error::input(&look.place, problem));
        }
    }
    let all = |dtype: Dtype| rows.iter().flatten().all(|look| look.dtype == dtype);
    let dtype = match settings.reduce {
        // means of pixels are none
        reduce if all(Dtype::U8) && reduce != Some(Reduce::Mean) => Dtype::U8,
        _ if all(Dtype::F16) => Dtype::F16,
        _ => Dtype::F32,
    };
    Ok((header(&first.shape, dtype)?, there))
}

fn look(source: &ArraySource, settings: &ImportSettings, row: usize, id: &str) -> Result<Option<Look>> {
    let Some(found) = source.row(row)? else { return Ok(None) };
    let place = found.place.clone();
    let fail = |problem: String| Error::input(&place, format!("{id:?}: {problem}"));
    if let Some(element) = found.values.iter().position(|value| !value.is_finite()) {
        return Err(fail(format!("element {element} is {:?}; expected finite values", found.values[element])));
    }
    if let Some([start, end]) = found.span.filter(|span| !span.iter().all(|second| second.is_finite())) {
        return Err(fail(format!("span {start} to {end}; expected seconds")));
    }
    let (dtype, before) = (found.dtype, found.shape.clone());
    let (shape, values) = reduced(found, settings).map_err(fail)?;
    let largest = if settings.dtype.unwrap_or(dtype) == Dtype::F16 { f64::from(half::f16::MAX) } else { f64::from(f32::MAX) };
    let narrow =
        |value: f64| if largest < 1e6 { half::f16::from_f32(value as f32).is_finite() } else { (value as f32).is_finite() };
    if let Some(element) = values.iter().position(|&value| !narrow(value)) {
        return Err(fail(format!("element {element} is {:?}; expected -{largest:?} to {largest:?}", values[element])));
    }
    Ok(Some(Look { before, shape, dtype, place }))
}
