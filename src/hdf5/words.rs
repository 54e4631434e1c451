//! Lists of ids in HDF5.

use ::hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};

use super::Features;
use crate::Result;
use crate::manifest::Words;

/// Bytes of the longest name of fixed length.
const LONGEST: usize = 1024;

impl Features {
    /// A list of ids: text or integers.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) for other elements, and for what cannot be read.
    pub fn words(&self, key: &str) -> Result<Words> {
        let read = || -> ::hdf5::Result<Result<Words, String>> {
            let dataset = self.file.dataset(key)?;
            let texts = |texts: Vec<String>| Ok(Ok(Words::Texts(texts)));
            match dataset.dtype()?.to_descriptor()? {
                TypeDescriptor::VarLenUnicode => {
                    texts(dataset.read_raw::<VarLenUnicode>()?.iter().map(|text| text.as_str().into()).collect())
                }
                TypeDescriptor::VarLenAscii => {
                    texts(dataset.read_raw::<VarLenAscii>()?.iter().map(|text| text.as_str().into()).collect())
                }
                TypeDescriptor::FixedUnicode(..=LONGEST) => {
                    texts(dataset.read_raw::<FixedUnicode<LONGEST>>()?.iter().map(|text| text.as_str().into()).collect())
                }
                TypeDescriptor::FixedAscii(..=LONGEST) => {
                    texts(dataset.read_raw::<FixedAscii<LONGEST>>()?.iter().map(|text| text.as_str().into()).collect())
                }
                TypeDescriptor::Integer(_) => {
                    Ok(Ok(Words::Whole(dataset.read_raw::<i64>()?.into_iter().map(i128::from).collect())))
                }
                TypeDescriptor::Unsigned(_) => {
                    Ok(Ok(Words::Whole(dataset.read_raw::<u64>()?.into_iter().map(i128::from).collect())))
                }
                other => Ok(Err(format!("its type is {other}; expected text or integers"))),
            }
        };
        read().map_err(|error| self.fail(key, format!("HDF5: {error}")))?.map_err(|problem| self.fail(key, problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ids_are_text_or_integers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.hdf5");
        let file = ::hdf5::File::create(&path).unwrap();
        let unicode: Vec<VarLenUnicode> = ["a", "ß"].iter().map(|text| text.parse().unwrap()).collect();
        file.new_dataset_builder().with_data(&unicode).create("unicode").unwrap();
        let fixed: Vec<FixedAscii<5>> = ["ab", "c"].iter().map(|text| FixedAscii::from_ascii(text).unwrap()).collect();
        file.new_dataset_builder().with_data(&fixed).create("fixed").unwrap();
        file.new_dataset_builder().with_data(&[7_106_594_312_292_453_675i64, -1]).create("whole").unwrap();
        file.new_dataset_builder().with_data(&[u64::MAX]).create("unsigned").unwrap();
        file.new_dataset_builder().with_data(&[0.5f32]).create("floats").unwrap();
        file.close().unwrap();
        let features = Features::open(&path).unwrap();
        let texts = |texts: &[&str]| Words::Texts(texts.iter().map(|text| text.to_string()).collect());
        assert_eq!(features.words("unicode").unwrap(), texts(&["a", "ß"]));
        assert_eq!(features.words("fixed").unwrap(), texts(&["ab", "c"]));
        assert_eq!(features.words("whole").unwrap(), Words::Whole(vec![7_106_594_312_292_453_675, -1]));
        assert_eq!(features.words("unsigned").unwrap(), Words::Whole(vec![u64::MAX.into()]));
        assert!(features.words("floats").unwrap_err().to_string().contains("expected text or integers"));
    }
}
