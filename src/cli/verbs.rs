//! Each verb of the program `mmdg`: settings from the pipeline file, a call into the library, a line about what came of it; or which
//! program does it.

use super::arguments::Verb;
use super::process::threads;
#[cfg(not(all(feature = "exchange", feature = "hdf5", feature = "torch")))]
use super::world::not_built;
use super::world::{WELL, show};
use super::{exchange, handover, report, synth, validate};
use crate::config;
use crate::stop::Stop;
use crate::{Error, Result};

pub fn run(verb: Verb, stop: &Stop) -> Result<i32> {
    match verb {
        Verb::Run { pipeline: arguments, .. } => {
            let file = &arguments.making.file;
            let pipeline = file.open()?;
            if pipeline.preprocess.is_some() || pipeline.extract.is_some() {
                return handover::decode(stop);
            }
            if pipeline.train.is_some() {
                return handover::train("train", &[], stop);
            }
            report::where_asked(&file.pipeline, &pipeline, file.quiet)
        }
        Verb::Preprocess { .. } | Verb::Extract { .. } | Verb::Validate { decode: Some(_), .. } | Verb::DemoData { .. } => {
            handover::decode(stop)
        }
        Verb::Validate { pipeline: arguments, decode: None, .. } => validate::validate(&arguments),
        Verb::Train { .. } | Verb::BenchSuite { .. } => handover::train("train", &[], stop),
        #[cfg(feature = "torch")]
        Verb::Predict(_) | Verb::Eval(_) => handover::train("predict", &[], stop),
        Verb::Report(arguments) => match &arguments.runs[..] {
            [file] if file.is_file() => {
                report::of_pipeline(file, &config::read(file, &arguments.set)?, arguments.out.as_deref(), arguments.quiet)
            }
            _ if !arguments.set.is_empty() => {
                Err(Error::Usage("--set: of runs there is no pipeline file to set keys of; expected --out".into()))
            }
            runs => {
                let out = arguments.out.as_deref().unwrap_or("report".as_ref());
                report::of_runs(&crate::report::read(runs)?, out, arguments.quiet)
            }
        },
        Verb::Inspect { store, json, mean } => exchange::inspect(&store, json, mean),
        Verb::Verify { store, quiet } => {
            threads()?;
            exchange::verify(&store, quiet, stop)
        }
        #[cfg(all(feature = "exchange", feature = "hdf5"))]
        Verb::Import(arguments) => {
            threads()?;
            exchange::import(&arguments, stop)
        }
        #[cfg(not(all(feature = "exchange", feature = "hdf5")))]
        Verb::Import(_) => Err(not_built("import", "exchange and hdf5")),
        #[cfg(feature = "exchange")]
        Verb::Export { store, out, format, modalities, domains, splits, trust, quiet } => {
            threads()?;
            let selection = exchange::selection(modalities, domains, &splits, trust);
            exchange::export(&store, &out, format, &selection, quiet, stop)
        }
        #[cfg(not(feature = "exchange"))]
        Verb::Export { .. } => Err(not_built("export", "exchange")),
        #[cfg(feature = "hdf5")]
        Verb::Merge { out, stores, link, quiet } => {
            threads()?;
            exchange::merge(&out, &stores, link, quiet, stop)
        }
        #[cfg(not(feature = "hdf5"))]
        Verb::Merge { .. } => Err(not_built("merge", "hdf5")),
        Verb::Synth(arguments) => match arguments.to_write() {
            Some(out) => synth::write(&arguments, out, stop),
            None => handover::train("synth --check", &[], stop),
        },
        #[cfg(feature = "torch")]
        Verb::Methods { name } => {
            let text = name.map_or_else(|| Ok(super::methods::all()), |name| super::methods::one(&name))?;
            show(format_args!("{text}")).map(|()| WELL)
        }
        #[cfg(not(feature = "torch"))]
        Verb::Methods { .. } => Err(not_built("methods", "torch")),
        Verb::Doctor => {
            let (text, well) = super::doctor::doctor();
            show(format_args!("{text}"))?;
            Ok(if well { WELL } else { 6 })
        }
    }
}
