//! Rows side by side, as a loader hands them out.

use half::f16;

use super::reader::Rows;
use crate::Result;
use crate::manifest::Labels;
use crate::rng::Stream;
use crate::sample::Dtype;

/// Rows, side by side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Rows of the store.
    pub rows: Vec<usize>,
    /// What is to be predicted.
    pub labels: BatchLabels,
    /// Domains, places in the store's list.
    pub domains: Vec<i64>,
    /// In the order asked for.
    pub modalities: Vec<Features>,
}

/// The labels of a batch, by row.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchLabels {
    /// Places in the store's list of classes.
    Classes(Vec<i64>),
    /// Values, in the store's unit.
    Values(Vec<f32>),
}

impl Default for BatchLabels {
    fn default() -> Self {
        Self::Classes(Vec::new())
    }
}

impl BatchLabels {
    /// Replaces them by those of these rows.
    pub fn read(&mut self, from: &Labels, rows: &[usize]) {
        match (from, &mut *self) {
            (Labels::Classes { of, .. }, Self::Classes(into)) => {
                into.clear();
                into.extend(rows.iter().map(|&row| i64::from(of[row])));
            }
            (Labels::Values { of, .. }, Self::Values(into)) => {
                into.clear();
                into.extend(rows.iter().map(|&row| of[row]));
            }
            (Labels::Classes { .. }, _) => {
                *self = Self::Classes(Vec::new());
                self.read(from, rows);
            }
            (Labels::Values { .. }, _) => {
                *self = Self::Values(Vec::new());
                self.read(from, rows);
            }
        }
    }

    /// Places of classes; empty of values.
    pub fn classes(&self) -> &[i64] {
        match self {
            Self::Classes(places) => places,
            Self::Values(_) => &[],
        }
    }

    /// Values; empty of classes.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Classes(_) => &[],
            Self::Values(values) => values,
        }
    }
}

/// One modality of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Features {
    /// Its name.
    pub name: String,
    /// `[rows, …]`
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Values,
    /// By row; one that is not there is zeros.
    pub valid: Vec<bool>,
}

/// Elements as they are handed out.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Features and spectrograms, f16 among them unless they are asked for raw.
    F32(Vec<f32>),
    /// Features as stored.
    F16(Vec<f16>),
    /// Pixels.
    U8(Vec<u8>),
}

impl Default for Values {
    fn default() -> Self {
        Self::F32(Vec::new())
    }
}

impl Features {
    /// Replaces what it holds by these rows; `views` draws one of each row's training views.
    pub(super) fn read(&mut self, from: Rows<'_>, rows: &[usize], raw: bool, views: Option<Stream>) -> Result<()> {
        let header = from.header();
        self.name.clone_from(&header.name);
        let views = views.zip(header.views.as_ref());
        let shape = views.map_or(header.shape.as_slice(), |(_, shape)| &shape[1..]);
        self.shape.clear();
        self.shape.push(rows.len());
        self.shape.extend(shape.iter().map(|&n| n as usize));
        self.valid.clear();
        self.valid.extend(rows.iter().map(|&row| from.valid(row)));
        let row = self.shape[1..].iter().product();
        let elements = rows.len() * row;
        match header.dtype {
            Dtype::U8 => {
                let values = self.values.u8(elements);
                match views {
                    None if header.jpeg.is_some() => {
                        rows.iter().zip(values.chunks_exact_mut(row)).try_for_each(|(&place, out)| from.read(place, out))?;
                    }
                    None => from.gather_bytes(rows, values),
                    Some((stream, shape)) => {
                        for (&place, out) in rows.iter().zip(values.chunks_exact_mut(row)) {
                            let all = from.views(place).unwrap_or_default();
                            let view = stream.bits(place as u32) as usize % shape[0] as usize;
                            out.copy_from_slice(&all[view * row..][..row]);
                        }
                    }
                }
            }
            Dtype::F16 if raw => from.gather_bytes(rows, bytemuck::cast_slice_mut(self.values.f16(elements))),
            Dtype::F16 | Dtype::F32 | Dtype::F64 | Dtype::U64 => from.gather(rows, self.values.f32(elements)),
        }
        Ok(())
    }
}

macro_rules! room {
    ($($name:ident $variant:ident $type:ty),*) => {
        $(fn $name(&mut self, elements: usize) -> &mut [$type] {
            if !matches!(self, Self::$variant(_)) {
                *self = Self::$variant(Vec::new());
            }
            match self {
                Self::$variant(values) => {
                    values.resize(elements, Default::default());
                    values
                }
                _ => &mut [],
            }
        })*
    };
}

impl Values {
    room!(u8 U8 u8, f16 F16 f16, f32 F32 f32);
}
