//! Makes a store of one's own features: `write_store STORE`. Needs the feature `hdf5`.

use std::path::Path;

use mmdg::manifest::{Labels, Manifest, Segment};
use mmdg::modality::Kind;
use mmdg::sample::{Data, Dtype, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::{self, ModalityHeader, Plan};
use mmdg::{Error, Result};

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| Error::Usage("write_store STORE".into()))?;
    let segments = (0..100).map(|i| Segment::new(format!("clip-{i}"), "", Span::WHOLE)).collect();
    let labels = Labels::classes(vec!["open".into(), "close".into()], (0..100).map(|i| i % 2));
    let manifest = Manifest { labels, domains: vec!["kitchen".into()], segments, test_set: None };
    let video = ModalityHeader::features("video", Kind::VIDEO, Dtype::F16, 512);
    let recipe = serde_json::json!({"backbone": "mine"});
    let plan = Plan { holds: "features", manifest, modalities: vec![video], recipe, shard_bytes: None };
    let values = |row: u64| (0..512).map(|i| (row * 512 + i) as f32 / 51200.0).collect();
    store::write(Path::new(&folder), &plan, &Stop::default(), |_, row| Ok(Row::new(Data::F32(values(row)), "mine")))?;
    Ok(())
}
