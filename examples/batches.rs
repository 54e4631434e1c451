//! Goes through two epochs of a store, as many rows of one domain as of another in each batch: `batches STORE`.

use std::path::Path;
use std::sync::Arc;

use mmdg::store::{Loader, Options, Order, Store};
use mmdg::{Error, Result};

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| Error::Usage("batches STORE".into()))?;
    let store = Arc::new(Store::open(Path::new(&folder))?);
    let options = Options { batch_size: 64, seed: 1, order: Order::Domains, threads: 2, ..Options::default() };
    let loader = Loader::new(store, options)?;
    for epoch in 0..2 {
        for batch in loader.epoch(epoch)? {
            let batch = batch?;
            let shapes: Vec<_> = batch.modalities.iter().map(|features| (&features.name, &features.shape)).collect();
            println!(
                "epoch {epoch}: {shapes:?}, first row {}, labels {:?}",
                batch.rows[0],
                batch.labels.classes().iter().take(4).collect::<Vec<_>>()
            );
        }
    }
    Ok(())
}
