//! Reads rows of a store, in place: `rows STORE MODALITY`. Needs no feature and no native library.

use std::path::Path;

use mmdg::store::Store;
use mmdg::{Error, Result};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, modality] = arguments.as_slice() else { return Err(Error::Usage("rows STORE MODALITY".into())) };
    let store = Store::open(Path::new(folder))?;
    let rows = store.modality(modality)?;
    for (row, segment) in store.manifest().segments.iter().enumerate().filter(|(row, _)| rows.valid(*row)) {
        // a slice of the mapped file where values are f32
        let values = rows.values(row);
        let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        println!("{row} {} {} {norm}", segment.id, store.manifest().labels.text(row));
    }
    Ok(())
}
