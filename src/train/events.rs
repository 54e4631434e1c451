//! A run's curve for TensorBoard: a file of records, each a length, the length's checksum, an Event of
//! tensorflow/core/util/event.proto and its checksum.

use prost::Message;

use crate::measure::Measure;
use crate::report::results::RunResult;

/// The file's name, as TensorBoard looks for it. Equal runs leave equal bytes, so neither time nor machine is in it.
pub const NAME: &str = "events.out.tfevents.0.mmdg";

/// As much of the message Event as is written.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970; here the epoch, which makes TensorBoard's relative time count epochs.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// The epoch.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// Of the first record alone.
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    /// The figures.
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
}

/// Figures of one epoch.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// The figures.
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// A named number.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// Such as `accuracy/validation`.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// The number.
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
}

/// The file: what `metrics.csv` and `balance.csv` have, but for figures that are not numbers.
pub fn file(result: &RunResult) -> Vec<u8> {
    let mut bytes = Vec::new();
    record(&mut bytes, &Event { file_version: Some("brain.Event:2".into()), ..Event::default() });
    for (i, epoch) in result.curve.iter().enumerate() {
        let mut figures = vec![
            ("loss/train".to_owned(), epoch.train_loss),
            (format!("{}/train", result.measure().name), epoch.train_score),
            ("learning_rate".to_owned(), epoch.learning_rate),
            ("loss/validation".to_owned(), epoch.validation_loss),
        ];
        let named = |measure: &Measure| (format!("{}/validation", measure.name), epoch.on_validation(&measure.name));
        figures.extend(result.metrics.iter().map(named));
        for (modality, b) in &epoch.balance {
            let named = b.named().map(|(name, value)| (format!("balance/{modality}/{name}"), value));
            figures.extend(named);
        }
        let value = |(tag, value): (String, f64)| Value { tag, simple_value: Some(value as f32) };
        let value = figures.into_iter().filter(|(_, value)| !value.is_nan()).map(value).collect();
        let event = Event { wall_time: i as f64, step: i as i64, file_version: None, summary: Some(Summary { value }) };
        record(&mut bytes, &event);
    }
    bytes
}

fn record(bytes: &mut Vec<u8>, event: &Event) {
    let event = event.encode_to_vec();
    let length = (event.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(checksum(&length).to_le_bytes());
    bytes.extend(&event);
    bytes.extend(checksum(&event).to_le_bytes());
}

/// CRC-32C, turned and shifted, as the format has it.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
