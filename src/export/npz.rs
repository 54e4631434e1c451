//! numpy's zip of arrays.

use std::io::{BufWriter, Write};

use super::{Broken, Chosen};
use crate::fs::Stream;
use crate::manifest::Labels;
use crate::npy::{ArchiveWriter, Element, Header};
use crate::sample::Dtype;
use crate::{Error, Result};

pub(super) fn write(chosen: &Chosen<'_>, file: Stream) -> Result<Stream, Broken> {
    let (header, count) = (chosen.store.header(), chosen.rows.len() as u64);
    let mut archive = ArchiveWriter::new(BufWriter::with_capacity(1 << 20, file));
    let text = |segment| Chosen::path(segment).map(str::to_owned);
    texts(&mut archive, "ids", chosen.segments().map(|segment| segment.id.clone()).collect())?;
    match &chosen.store.manifest().labels {
        Labels::Classes { names, of } => {
            numbers(&mut archive, "labels", chosen.rows.iter().map(|&row| i64::from(of[row])))?;
            texts(&mut archive, "class_names", names.clone())?;
        }
        Labels::Values { unit, of } => {
            let bytes: Vec<u8> = chosen.rows.iter().flat_map(|&row| of[row].to_le_bytes()).collect();
            archive.start("labels", &Header::new(Element::Float(4), vec![count]))?.write_all(&bytes)?;
            texts(&mut archive, "label_unit", vec![unit.clone()])?;
        }
    }
    numbers(&mut archive, "domains", chosen.segments().map(|segment| segment.domain as i64))?;
    texts(&mut archive, "domain_names", header.domains.clone())?;
    texts(&mut archive, "splits", chosen.segments().map(|segment| segment.split.name().to_owned()).collect())?;
    texts(&mut archive, "paths", chosen.segments().map(text).collect::<Result<_>>()?)?;
    seconds(&mut archive, "starts", vec![count], chosen.segments().map(|segment| segment.span.start))?;
    seconds(&mut archive, "ends", vec![count], chosen.segments().map(|segment| segment.span.end.unwrap_or(f64::NAN)))?;
    for (place, rows) in chosen.modalities.iter().enumerate() {
        let modality = rows.header();
        let element = match modality.dtype {
            Dtype::U8 => Element::Uint(1),
            Dtype::F16 => Element::Float(2),
            Dtype::F32 => Element::Float(4),
            Dtype::F64 => Element::Float(8),
            Dtype::U64 => Element::Uint(8),
        };
        let name = &modality.name;
        let to = archive.start(name, &Header::new(element, [&[count], &modality.shape[..]].concat()))?;
        for (written, &row) in chosen.rows.iter().enumerate() {
            to.write_all(&rows.data(row)?)?;
            chosen.written(place, written + 1)?;
        }
        let valid: Vec<u8> = chosen.rows.iter().map(|&row| rows.valid(row).into()).collect();
        archive.start(&format!("{name}.valid"), &Header::new(Element::Bool, vec![count]))?.write_all(&valid)?;
        let spans = chosen.rows.iter().flat_map(|&row| rows.span(row));
        seconds(&mut archive, &format!("{name}.span"), vec![count, 2], spans)?;
    }
    let buffer = archive.finish()?;
    Ok(buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?)
}

type Archive = ArchiveWriter<BufWriter<Stream>>;

fn texts(archive: &mut Archive, name: &str, texts: Vec<String>) -> Result<(), Broken> {
    // numpy fills text up with these, and takes them off again
    if let Some(text) = texts.iter().find(|text| text.ends_with('\0')) {
        return Err(
            Error::input(name, format!("{text:?} ends in a character that numpy leaves out; expected another format")).into()
        );
    }
    let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or_default().max(1);
    let to = archive.start(name, &Header::new(Element::Unicode(width as u64), vec![texts.len() as u64]))?;
    for text in texts {
        let mut points: Vec<u32> = text.chars().map(u32::from).collect();
        points.resize(width, 0);
        to.write_all(&points.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
    }
    Ok(())
}

fn numbers(archive: &mut Archive, name: &str, numbers: impl Iterator<Item = i64>) -> std::io::Result<()> {
    let bytes: Vec<u8> = numbers.flat_map(i64::to_le_bytes).collect();
    archive.start(name, &Header::new(Element::Int(8), vec![bytes.len() as u64 / 8]))?.write_all(&bytes)
}

fn seconds(archive: &mut Archive, name: &str, shape: Vec<u64>, seconds: impl Iterator<Item = f64>) -> std::io::Result<()> {
    let bytes: Vec<u8> = seconds.flat_map(f64::to_le_bytes).collect();
    archive.start(name, &Header::new(Element::Float(8), shape))?.write_all(&bytes)
}
