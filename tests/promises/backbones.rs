//! Every line of the table of backbones fits itself and the table of presets.

use mmdg::backbone::BACKBONES;
use mmdg::backbone::layout::Reading;
use mmdg::backbone::spec::Norm;
use mmdg::preset::PRESETS;

#[test]
fn every_line_fits_itself_and_its_preset() {
    for (place, entry) in BACKBONES.iter().enumerate() {
        assert!(BACKBONES[..place].iter().all(|other| other.name != entry.name), "{} stands twice", entry.name);
        let preset = PRESETS.iter().find(|preset| preset.name == entry.preset).unwrap();
        assert!(preset.kinds.contains(&entry.kind), "{}", entry.name);
        assert!(serde_json::from_str::<serde_json::Map<_, _>>(entry.parameters).is_ok(), "{}", entry.name);
        let norm = Norm { mean: entry.mean.to_vec(), std: entry.std.to_vec() };
        norm.check(Reading::usual(entry.row, entry.kind).channels()).unwrap();
        for text in [entry.about, entry.paper, entry.weights, entry.input, entry.embedding.name] {
            assert!(!text.is_empty(), "{}", entry.name);
        }
        assert_eq!(entry.embedding.shape.len(), 1, "{}", entry.name);
        for map in entry.cut.iter().flat_map(|cut| cut.maps) {
            assert!(map.shape.len() > 1 && map.name != entry.embedding.name, "{}", entry.name);
        }
    }
}
