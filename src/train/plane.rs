//! Embeddings laid out in the plane.

use bhtsne::{Neighbor, tSNE};
use rayon::ThreadPoolBuilder;

use crate::rng::Stream;
use crate::{Error, Result};

/// Rows that are laid out at most.
pub const MOST: usize = 2000;
/// Perplexity, where there are rows enough.
const PERPLEXITY: usize = 30;

/// At most [`MOST`] of `rows`, drawn by the seed, ascending.
pub fn some(rows: &[usize], seed: u64) -> Vec<usize> {
    let order = Stream::new(seed).with("plane").permutation(rows.len());
    let mut some: Vec<usize> = order.into_iter().take(MOST).map(|place| rows[place]).collect();
    some.sort_unstable();
    some
}

/// t-SNE (van der Maaten, JMLR 2014: Barnes and Hut's approximation, θ = 0.5) of points of one width, N·E, to N points of the plane:
/// perplexity 30, 1000 steps, from a start drawn by the seed. On one thread, so that equal points give equal places. Nothing
/// for fewer than 10 points, and where one is not finite.
///
/// # Errors
/// [`Error::Environment`] where no thread can be started.
pub fn layout(points: &[f32], width: usize, seed: u64) -> Result<Vec<[f64; 2]>> {
    let points: Vec<&[f32]> = points.chunks(width.max(1)).collect();
    let count = points.len();
    if count < 10 || points.iter().any(|point| point.iter().any(|x| !x.is_finite())) {
        return Ok(Vec::new());
    }
    let perplexity = PERPLEXITY.min((count - 1) / 3);
    // the crate's own search for neighbours draws random numbers
    let nearest = |i: usize| {
        let squared = |j: usize| points[i].iter().zip(points[j]).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        let mut all: Vec<Neighbor<f32>> =
            (0..count).filter(|&j| j != i).map(|index| Neighbor { index, distance: squared(index).sqrt() }).collect();
        all.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.index.cmp(&b.index)));
        all.truncate(3 * perplexity);
        all
    };
    let start = Stream::new(seed).with("plane").with("start");
    let start: Vec<f32> = (0..2 * count as u32).map(|i| (1e-4 * start.normal(i)) as f32).collect();
    let pool = ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|error| Error::environment(format!("cannot start a thread: {error}"), "train without tsne"))?;
    let places = pool.install(|| {
        let neighbors: Vec<Vec<Neighbor<f32>>> = (0..count).map(nearest).collect();
        let mut tsne: tSNE<'_, f32, &[f32]> = tSNE::new(&points);
        tsne.perplexity(perplexity as f32).initial_embedding(start).barnes_hut_with_neighbors(0.5, &neighbors);
        tsne.embedding()
    });
    Ok(places.chunks(2).map(|place| [f64::from(place[0]), f64::from(place[1])]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stay_apart_and_equal_points_give_equal_places() {
        let stream = Stream::new(1);
        let value = |i: usize| if (i / 5).is_multiple_of(2) { 0.0 } else { 8.0 } + stream.normal(i as u32) as f32;
        let points: Vec<f32> = (0..5 * 80).map(value).collect();
        let places = layout(&points, 5, 3).unwrap();
        assert!(places == layout(&points, 5, 3).unwrap() && places != layout(&points, 5, 4).unwrap());
        let distance = |a: usize, b: usize| (places[a][0] - places[b][0]).hypot(places[a][1] - places[b][1]);
        // everyone's nearest is of its own group
        let nearest = |a: usize| (0..80).filter(|&b| b != a).min_by(|&b, &c| distance(a, b).total_cmp(&distance(a, c)));
        assert!((0..80).all(|a| nearest(a).unwrap() % 2 == a % 2));
        assert!(layout(&points[..45], 5, 3).unwrap().is_empty());
        let rows: Vec<usize> = (0..5000).collect();
        assert!(some(&rows, 1).len() == MOST && some(&rows, 1) != some(&rows, 2) && some(&rows[..7], 1) == rows[..7]);
    }
}
