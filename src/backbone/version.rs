//! Which versions of files and operators the loaded ONNX Runtime takes. It does not say, so it is asked with models of a few bytes.

use ort::session::Session;

use super::model::Model;
use super::runtime::Runtime;

/// What every runtime that is loaded at all takes (1.24).
const SURE: [i64; 2] = [10, 23];

/// `y = Identity(x)`, by onnx.proto's numbers; its versions are the bytes at [`PLACES`].
const SMALLEST: &[u8] = b"\x08\x0a\
    \x42\x02\x10\x07\
    \x3a\x37\
    \x0a\x10\x0a\x01x\x12\x01y\x22\x08Identity\
    \x12\x01g\
    \x5a\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01\
    \x62\x0f\x0a\x01y\x12\x0a\x0a\x08\x08\x01\x12\x04\x0a\x02\x08\x01";
const PLACES: [usize; 2] = [1, 5];

/// Refuses a model that is newer than the runtime.
///
/// # Errors
/// A sentence with both versions and the cures.
pub(super) fn check(runtime: &Runtime, model: &Model) -> Result<(), String> {
    let wanted = [model.ir_version, model.opset];
    if wanted.iter().zip(SURE).all(|(wanted, sure)| *wanted <= sure) {
        return Ok(());
    }
    let newest = [newest(runtime, 0, wanted), newest(runtime, 1, wanted)];
    if wanted.iter().zip(newest).all(|(wanted, newest)| *wanted <= newest) {
        return Ok(());
    }
    let ([ir, opset], [most_ir, most_opset]) = (wanted, newest);
    let version = runtime.version().unwrap_or("here");
    Err(format!(
        "its IR version is {ir} and its opset {opset}, ONNX Runtime {version} takes up to {most_ir} and {most_opset}; expected an older one (exported with \
         opset_version={most_opset}, made by `onnx.helper.make_model_gen_version`, or where only the IR version is too new saved again with a lower `model.ir_version`), \
         or ORT_DYLIB_PATH set to a newer libonnxruntime.so"
    ))
}

/// The newest version up to the wanted one that the runtime takes of files (place 0) or of operators (place 1).
fn newest(runtime: &Runtime, place: usize, wanted: [i64; 2]) -> i64 {
    let takes = |version: i64| {
        let mut bytes = SMALLEST.to_vec();
        // one byte holds versions below 128
        bytes[PLACES[place]] = version.clamp(1, 127) as u8;
        let session = Session::builder(runtime.environment()).map(|mut builder| builder.commit_from_memory(&bytes).is_ok());
        version < 128 && session.unwrap_or(false)
    };
    let (mut least, mut most) = (SURE[place].min(wanted[place]), wanted[place]);
    while least < most {
        let middle = least + (most - least + 1) / 2;
        if takes(middle) {
            least = middle;
        } else {
            most = middle - 1;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::backbone::provider::Provider;
    use crate::backbone::runtime::runtime;

    #[test]
    fn what_the_runtime_takes_is_found_out() {
        let runtime = runtime(Provider::Cpu).unwrap();
        let check = |model: &Model| check(runtime, model);
        let model =
            |ir_version, opset| Model { ir_version, opset, metadata: BTreeMap::new(), beside: BTreeSet::new(), quantizes: false };
        for [ir, opset] in [[3, 7], SURE, [11, 23]] {
            assert_eq!(check(&model(ir, opset)), Ok(()));
        }
        let problem = check(&model(99, 4000)).unwrap_err();
        let most = [newest(runtime, 0, [99, 4000]), newest(runtime, 1, [99, 4000])];
        assert!(most[0] >= 13 && most[1] >= 25, "{most:?}");
        assert!(problem.contains(&format!("takes up to {} and {};", most[0], most[1])), "{problem}");
        assert!(problem.contains("make_model_gen_version") && problem.contains("ORT_DYLIB_PATH"), "{problem}");
        assert_eq!(check(&model(most[0], most[1])), Ok(()));
        assert!(check(&model(most[0] + 1, most[1])).is_err() && check(&model(most[0], most[1] + 1)).is_err());
    }
}
