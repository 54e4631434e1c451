//! EPIC-Kitchens (Damen et al., ECCV 2018 and IJCV 2022): labelled stretches of kitchen videos, as the field uses them.
//!
//! `annotations` is the folder of MM-SADA's splits (Munro and Damen, CVPR 2020): `D{1,2,3}_{train,test}` as `.pkl` (the files that their authors
//! distribute, taken where both are there) or `.csv`: eight verbs, and D1 = P08, D2 = P01, D3 = P22. Or it is a table or a
//! list of tables, `.csv` or `.pkl`: those of EPIC-55 and EPIC-100, EPIC-100's domain adaptation lists (those with labels), and the lists of tuples of
//! MultiOOD. The split of a table is told by its name (`train`, `val`, `test`) or by `annotations = { train = […], val = […] }`.
//!
//! Segments are taken by the seconds of their time stamps; the frame numbers, 60 a second for videos of EPIC-55 (two digits after
//! the kitchen) and 50 for the later ones (three), are kept beside them for presets that count as the field's loaders do.
//! Where there is no validation split, the sources' test rows serve. Where media are looked for stands in [`media`].

mod classes;
mod lists;
mod media;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use super::{DatasetSettings, Draft, Findings, names, root};
use crate::manifest::{Labels, TestSet, places};
use crate::{Error, Result};
use classes::Classes;
use media::Finder;
use rows::{Row, rows};

pub(super) fn read(settings: &DatasetSettings, findings: &mut Findings) -> Result<Draft> {
    let root = root(settings)?;
    let (place, mm_sada, lists) = lists::find(settings)?;
    let mut finder = Finder::new(settings, root)?;
    let mut classes = Classes::new(settings, mm_sada)?;
    let mut all: Vec<Row> = Vec::new();
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    for list in &lists {
        let Some(found) = rows(list, settings, findings) else { continue };
        classes.of_release(found.release)?;
        for mut row in found.rows {
            let domain = settings.domain_map.as_ref().map_or(Some(&row.domain), |map| map.get(&row.domain)).cloned();
            let asked = |name: &String| settings.domains.as_ref().is_none_or(|asked| asked.contains(name));
            let Some(domain) = domain.filter(asked) else {
                *left_out.entry("domain").or_default() += 1;
                continue;
            };
            row.domain = domain;
            match classes.add(&row) {
                Ok(true) => all.push(row),
                Ok(false) => *left_out.entry("class").or_default() += 1,
                Err(problem) => findings.faults.push(Error::input(&row.place, problem)),
            }
        }
    }
    for (what, count) in left_out {
        findings.notes.push(format!("{count} rows left out by their {what}"));
    }
    let names_of_classes = classes.names();
    let domains = names(settings.domains.as_ref(), all.iter().map(|row| row.domain.clone()).collect::<BTreeSet<_>>().into_iter());
    let (places_of_classes, places_of_domains) = (places(&names_of_classes), places(&domains));
    all.iter().for_each(|row| finder.look(row));
    let (mut segments, mut labels) = (Vec::new(), Vec::new());
    for row in all {
        let class = classes.name(&row);
        let label = places_of_classes.get(class.as_str()).copied();
        let (Some(label), Some(domain)) = (label, places_of_domains.get(row.domain.as_str()).copied()) else {
            let problem = format!("class {class:?}; expected one of {}, or a class-map", names_of_classes.join(", "));
            findings.faults.push(Error::input(&row.place, problem));
            continue;
        };
        let mut segment = finder.segment(&row);
        segment.domain = domain;
        segments.push(segment);
        labels.push(label);
    }
    let test_set = mm_sada.then_some(TestSet::TargetTest);
    let labels = Labels::classes(names_of_classes, labels);
    Ok(Draft { place, labels, domains, segments, test_set })
}
