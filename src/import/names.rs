//! What rows call their classes and domains, as a list of names and places in it.

use std::collections::{BTreeSet, HashMap};

use crate::dataset::in_order;
use crate::error::few;
use crate::manifest::Words;

/// The names, and the place of each row's. Text is a name always: one of `names`, where there are such, else those that occur, in order. A whole number is a place in `names`; without
/// them every number that occurs is a name, in the order of numbers.
///
/// # Errors
/// A sentence that names the row, for what is none of the names, or a place outside of them.
pub(super) fn named(rows: Words, names: Option<Words>, what: &str) -> Result<(Vec<String>, Vec<usize>), String> {
    let names = names.map(Words::into_texts);
    match (rows, names) {
        (Words::Texts(rows), names) => {
            let names = names.unwrap_or_else(|| in_order(rows.iter().cloned()));
            let known: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
            let place = |(row, name): (usize, &String)| {
                let problem =
                    || format!("row {row} has the {what} {name:?}; expected one of {what}_names, which are {}", few(&names));
                known.get(name.as_str()).copied().ok_or_else(problem)
            };
            let places = rows.iter().enumerate().map(place).collect::<Result<_, _>>()?;
            Ok((names, places))
        }
        (Words::Whole(rows), Some(names)) => {
            let place = |(row, number): (usize, &i128)| {
                let place = usize::try_from(*number).ok().filter(|place| *place < names.len());
                place.ok_or_else(|| {
                    format!("row {row} has the {what} {number}; expected a place in {} {what}_names, from 0 on", names.len())
                })
            };
            let places = rows.iter().enumerate().map(place).collect::<Result<_, _>>()?;
            Ok((names, places))
        }
        (Words::Whole(rows), None) => {
            let numbers: Vec<i128> = rows.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
            let places = rows.iter().map(|number| numbers.binary_search(number).unwrap_or_default()).collect();
            Ok((numbers.iter().map(i128::to_string).collect(), places))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Words {
        Words::Texts(texts.iter().map(|text| text.to_string()).collect())
    }

    fn of(rows: Words, names: Option<Words>) -> Result<(Vec<String>, Vec<usize>), String> {
        named(rows, names, "class")
    }

    #[test]
    fn numbers_are_places_in_names_or_names_themselves() {
        let strings = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let big = 7_106_594_312_292_453_675;
        let three = of(Words::Whole(vec![big, big + 1, big + 2, big]), None).unwrap();
        assert_eq!(three, (strings(&["7106594312292453675", "7106594312292453676", "7106594312292453677"]), vec![0, 1, 2, 0]));
        assert_eq!(of(Words::Whole(vec![97, 3, 10]), None), Ok((strings(&["3", "10", "97"]), vec![2, 0, 1])));
        assert_eq!(of(Words::Whole(vec![-1, 8_000_000]), None), Ok((strings(&["-1", "8000000"]), vec![0, 1])));
        let swapped = Some(texts(&["1", "0"]));
        assert_eq!(of(Words::Whole(vec![0, 1]), swapped.clone()), Ok((strings(&["1", "0"]), vec![0, 1])));
        assert_eq!(of(texts(&["0", "1"]), swapped.clone()), Ok((strings(&["1", "0"]), vec![1, 0])));
        assert!(
            of(Words::Whole(vec![0, 2]), swapped.clone()).unwrap_err().contains("row 1 has the class 2; expected a place in 2")
        );
        assert!(of(Words::Whole(vec![-1]), swapped.clone()).is_err());
        assert!(of(texts(&["00"]), swapped).unwrap_err().contains("row 0 has the class \"00\"; expected one of class_names"));
    }

    #[test]
    fn text_is_a_name_whatever_stands_in_it() {
        let (names, places) = of(texts(&["1", "01", " a", "a ", "10", "1", "9"]), None).unwrap();
        assert_eq!((names, places), (["01", "1", "9", "10", " a", "a "].map(String::from).to_vec(), vec![1, 0, 4, 5, 3, 1, 2]));
    }
}
