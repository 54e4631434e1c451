//! Names by their places and places by their names, without looking through lists: there may be a million ids and ten thousand classes.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

/// Names, each once, in the order in which they come.
#[derive(Debug, Default)]
pub struct Occurring(HashMap<String, usize>);

impl Occurring {
    /// The place of a name, which is the next where it is new.
    pub fn place(&mut self, name: &str) -> usize {
        let next = self.0.len();
        match self.0.get(name) {
            Some(&place) => place,
            None => *self.0.entry(name.to_owned()).or_insert(next),
        }
    }

    /// The names, in no order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.keys().cloned()
    }

    /// Of each name its place in another list.
    pub fn places_in(&self, names: &[String]) -> Vec<Option<usize>> {
        let (places, mut of) = (places(names), vec![None; self.0.len()]);
        self.0.iter().for_each(|(name, &place)| of[place] = places.get(name.as_str()).copied());
        of
    }

    /// The names.
    pub fn into_names(self) -> Vec<String> {
        let mut names: Vec<(String, usize)> = self.0.into_iter().collect();
        names.sort_unstable_by_key(|(_, place)| *place);
        names.into_iter().map(|(name, _)| name).collect()
    }
}

/// Where each name stands; of one that stands twice, where it does first.
pub fn places<N: AsRef<str>>(names: &[N]) -> HashMap<&str, usize> {
    let mut places = HashMap::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        places.entry(name.as_ref()).or_insert(place);
    }
    places
}

/// Places of names that stood before, in order.
pub fn twice<N: AsRef<str>>(names: &[N]) -> Vec<usize> {
    // of a million names the hashes are a tenth of what a set of them would be; only what shares one is looked at
    let state = RandomState::new();
    let hash = |name: &N| state.hash_one(name.as_ref());
    let mut hashes: Vec<u64> = names.iter().map(hash).collect();
    hashes.sort_unstable();
    let shared: BTreeSet<u64> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    if shared.is_empty() {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let candidates = names.iter().enumerate().filter(|(_, name)| shared.contains(&hash(name)));
    candidates.filter_map(|(place, name)| (!seen.insert(name.as_ref())).then_some(place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_places_at_which_they_stand_first() {
        let names = ["b", "a", "b", "c", "a", "b"];
        assert_eq!(twice(&names), [2, 4, 5]);
        assert!(twice(&names[3..]).is_empty() && twice::<&str>(&[]).is_empty());
        assert_eq!(places(&names), HashMap::from([("b", 0), ("a", 1), ("c", 3)]));
        let mut occurring = Occurring::default();
        assert_eq!(names.map(|name| occurring.place(name)), [0, 1, 0, 2, 1, 0]);
        assert_eq!(occurring.places_in(&["c".into(), "b".into(), "c".into()]), [Some(1), None, Some(0)]);
        assert_eq!(occurring.into_names(), ["b", "a", "c"]);
    }
}
