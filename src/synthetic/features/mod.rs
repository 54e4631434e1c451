//! Features of two modalities whose truth is known: what they tell of the class, which part of it belongs to a domain, and
//! how a domain shifts them is set by [`Parameters`].
//!
//! ```text
//! x_quick = O [ a√(1−h)·Q[y] + a√h·Q_d[y] | s·P[y] | c·coord_d·u ] + ε
//! x_slow  = O′[ b·r | b·r∘code(y) | c′·coord_d·u′ ] + ε
//! ```
//! Q, Q_d and P are unit vectors of their own for each class (Q_d for each class and domain), u and u′ one each; r is a vector
//! of random signs, drawn anew for each row, so that the class of x_slow shows only in the product of its first two blocks;
//! codes of two classes differ in half their signs. O and O′ are orthogonal, ε is standard normal, coord is −1 and 1 for the sources and 2.5 for the target. Classes are drawn from
//! softmax(κ·N(0, 1)) in each source and uniformly in the target. So `quick` is learnt at once, with a share h that means nothing elsewhere, and `slow` holds everywhere.
//!
//! [`Linear`] draws features of which a value is a linear function, for regression.

mod arm;
mod draw;
mod linear;
mod parameters;
#[cfg(feature = "hdf5")]
mod store;
mod truth;

pub use arm::Arm;
pub use draw::Draw;
pub use linear::Linear;
pub use parameters::{COORDINATES, DOMAINS, MODALITIES, Parameters, TARGET};
#[cfg(feature = "hdf5")]
pub use store::{write, write_values};
pub use truth::Truth;
