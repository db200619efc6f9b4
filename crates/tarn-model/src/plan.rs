//! What a run will do, decided before it does anything.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::lake::Lake;
use crate::selection::Selected;

/// The models of a run in waves, and the seeds they read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Seeds that are selected or read by a selected model, in graph order.
    pub seeds: Vec<String>,
    /// Models by wave: a model stands in the first wave after all it waits for.
    pub waves: Vec<Vec<PlannedModel>>,
}

/// A model of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedModel {
    /// The model.
    pub name: String,
    /// Models of the same plan that must be done before: the nearest upstream ones, also through models that are not
    /// selected. When one of them fails, this one is skipped.
    pub after: Vec<String>,
}

impl Plan {
    /// All models in the order of the waves.
    pub fn models(&self) -> impl Iterator<Item = &PlannedModel> {
        self.waves.iter().flatten()
    }
}

impl Lake {
    /// The plan of a selection.
    #[must_use]
    pub fn plan(&self, selected: &Selected) -> Plan {
        let models: HashSet<&str> = selected.models.iter().map(String::as_str).collect();
        let mut wave_of: HashMap<&str, usize> = HashMap::new();
        let mut waves: Vec<Vec<PlannedModel>> = Vec::new();
        for name in &selected.models {
            let after = self.nearest_upstream(name, &models);
            let wave = after.iter().filter_map(|name| wave_of.get(name)).max().map_or(0, |last| last + 1);
            wave_of.insert(name, wave);
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            let after = after.into_iter().map(str::to_owned).collect();
            waves[wave].push(PlannedModel { name: name.clone(), after });
        }
        Plan { seeds: self.planned_seeds(selected), waves }
    }

    /// The selected models that lie upstream with no other selected one between, in graph order.
    fn nearest_upstream<'a>(&'a self, name: &str, selected: &HashSet<&str>) -> Vec<&'a str> {
        let mut found: HashSet<&str> = HashSet::new();
        let mut seen: HashSet<&str> = HashSet::new();
        let mut open: Vec<&str> = self.graph().parents(name).collect();
        while let Some(parent) = open.pop() {
            if !seen.insert(parent) {
                continue;
            }
            if selected.contains(parent) {
                found.insert(parent);
            } else {
                open.extend(self.graph().parents(parent));
            }
        }
        self.graph().order().iter().map(String::as_str).filter(|name| found.contains(name)).collect()
    }

    fn planned_seeds(&self, selected: &Selected) -> Vec<String> {
        let read: HashSet<&str> = selected.models.iter().flat_map(|model| self.graph().parents(model)).collect();
        self.graph()
            .order()
            .iter()
            .filter(|name| self.seeds.contains_key(name.as_str()))
            .filter(|name| read.contains(name.as_str()) || selected.seeds.contains(name))
            .cloned()
            .collect()
    }
}
