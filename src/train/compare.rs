//! What is compared: methods and balancers with their settings.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::balance;
use crate::hyperparameters::{Hyperparameters, Setting};
use crate::{Error, Result, method};

/// One column of the comparison.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Compare {
    /// Name of the column and of its folder.
    pub name: String,
    /// One of [`method::METHODS`]. Default `erm`.
    pub method: Option<String>,
    /// One of [`balance::BALANCERS`]. Default `none`.
    pub balance: Option<String>,
    /// What the method and the balancer take.
    #[serde(flatten)]
    pub hyperparameters: BTreeMap<String, toml::Value>,
}

/// A [`Compare`] with everything looked up.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Which losses there are.
    pub method: &'static method::MethodEntry,
    /// How gradients meet.
    pub balance: &'static balance::BalancerEntry,
    /// What is said of method and balancer, and defaults; a search draws others.
    pub hyperparameters: Hyperparameters,
}

impl Column {
    /// What may be set of it: what its method takes, then its balancer.
    pub fn takes(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        self.method.takes.iter().chain(self.balance.takes)
    }
}

impl Compare {
    /// A column for each of these methods with each of these balancers, named by what there are several of; `erm` where no
    /// method and `none` where no balancer is named.
    pub fn product(methods: &[String], balancers: &[String]) -> Vec<Self> {
        let some = |names: &[String], default: &str| if names.is_empty() { vec![default.into()] } else { names.to_vec() };
        let (methods, balancers) = (some(methods, "erm"), some(balancers, "none"));
        let name = |method: &String, balance: &String| match (methods.len(), balancers.len()) {
            (1, _) => balance.clone(),
            (_, 1) => method.clone(),
            _ => format!("{method}+{balance}"),
        };
        let pairs = methods.iter().flat_map(|method| balancers.iter().map(move |balance| (method, balance)));
        pairs
            .map(|(method, balance)| Self {
                name: name(method, balance),
                method: Some(method.clone()),
                balance: Some(balance.clone()),
                hyperparameters: BTreeMap::new(),
            })
            .collect()
    }

    /// Whether method and balancer are a pair that says something. True where either is not known.
    pub fn is_a_pair(&self) -> bool {
        self.conflict().is_none()
    }

    /// Why method and balancer are no pair: both bring heads of one name, their losses then are the same. None where either is not
    /// known.
    pub fn conflict(&self) -> Option<String> {
        let Column { method, balance, hyperparameters, .. } = self.looked_up().ok()?;
        balance.conflict(method, &hyperparameters)
    }

    /// Looks names up and fills in defaults.
    ///
    /// # Errors
    /// [`Error::Input`] for an unknown method or balancer, a setting that the balancer does not take, a number out of range.
    pub fn resolve(&self) -> Result<Column> {
        let input = format!("[[train.compare]] {:?}", self.name);
        if !is_folder_name(&self.name) {
            return Err(Error::input(input, "expected a `name` that can be a folder's"));
        }
        let column = self.looked_up().map_err(|problem| Error::input(&input, problem))?;
        let Column { method, balance, hyperparameters, .. } = &column;
        if let Some(conflict) = balance.conflict(method, hyperparameters) {
            let problem = format!("method {:?} and balance {:?} {conflict}", method.name, balance.name);
            return Err(Error::input(input, format!("{problem}; expected another pair")));
        }
        Ok(column)
    }

    /// Method, balancer and their settings, or what is wrong with one of them.
    fn looked_up(&self) -> Result<Column, String> {
        let method = method::find(self.method.as_deref().unwrap_or("erm")).map_err(|error| error.to_string())?;
        let balance = balance::find(self.balance.as_deref().unwrap_or("none")).map_err(|error| error.to_string())?;
        let hyperparameters = Hyperparameters::new(method.takes.iter().chain(balance.takes), &self.hyperparameters)
            .map_err(|problem| format!("method {:?} and balance {:?}: {problem}", method.name, balance.name))?;
        Ok(Column { name: self.name.clone(), method, balance, hyperparameters })
    }
}

/// Whether a name can be one folder's.
pub(super) fn is_folder_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name) && !name.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_stay_in_their_folder() {
        assert!(["gmp (paper)", "P08", "ä"].into_iter().all(is_folder_name));
        assert!(!["", ".", "..", "a/b", "/a", "a/"].into_iter().any(is_folder_name));
    }

    #[test]
    fn a_setting_that_a_balancer_does_not_take_is_refused() {
        let compare: Compare = toml::from_str("name = 'x'\nbalance = 'adversarial'\nalpha-k = 0.5").unwrap();
        assert_eq!(
            compare.resolve().unwrap_err().to_string(),
            "[[train.compare]] \"x\": method \"erm\" and balance \"adversarial\": alpha-k = 0.5: not taken here; expected lambda, discriminator, warm-up"
        );
        let compare: Compare = toml::from_str("name = 'x'\nalpha_k = 0.5").unwrap();
        assert!(compare.resolve().is_err());
    }
}
