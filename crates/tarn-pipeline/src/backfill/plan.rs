//! Which models run for each slice, which once, and which variables tell them their days.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use tarn_model::{Lake, Materialization, Model, Strategy, VarType};

use super::slices::Slice;
use crate::error::StepError;

/// The variables that are set for each slice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SliceVars {
    /// Gets the first day; none where a slice is a single day.
    pub first: Option<String>,
    /// Gets the last day.
    pub last: Option<String>,
}

impl SliceVars {
    /// The variables of one slice, beside those given for all.
    pub fn of(&self, slice: Slice, given: &IndexMap<String, String>) -> IndexMap<String, String> {
        let mut vars = given.clone();
        for (name, day) in [(&self.first, slice.first), (&self.last, slice.last)] {
            if let Some(name) = name {
                vars.insert(name.clone(), day.to_string());
            }
        }
        vars
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.first.iter().chain(&self.last)
    }
}

/// What a backfill runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Run once, before the first slice: selected models that others of each slice read, but that do not change with it.
    pub before: Vec<String>,
    /// Run for each slice, in graph order.
    pub each: Vec<String>,
    /// Run once, after the last slice, with its variables: selected models that are made anew from what the slices changed.
    pub after: Vec<String>,
}

/// Decides which variables are set. What is named wins: on the command line, then in `tarn.yaml`; else the one variable of type
/// `date` that the incremental models among the selected read is the day of a slice.
///
/// # Errors
/// When it cannot be known which variable is meant, or slices of several days have no variable for their first.
pub fn variables(
    lake: &Lake,
    selected: &[String],
    named: &SliceVars,
    longest_slice: u64,
) -> Result<SliceVars, StepError> {
    let config = &lake.config.backfill;
    let read: BTreeSet<&String> = incremental(lake, selected).flat_map(|model| &model.vars).collect();
    let dates: Vec<&String> = read
        .iter()
        .copied()
        .filter(|name| lake.config.vars.get(*name).is_some_and(|declared| declared.var_type == VarType::Date))
        .collect();
    let first = named.first.clone().or_else(|| config.first.clone().filter(|name| read.contains(name)));
    let last = named.last.clone().or_else(|| config.last.clone().filter(|name| read.contains(name)));
    for name in first.iter().chain(&last) {
        refuse_wrong(lake, name, &read)?;
    }
    let others: Vec<&String> = dates.into_iter().filter(|name| Some(*name) != first.as_ref()).collect();
    let last = match (last, others.as_slice()) {
        (Some(last), _) => last,
        (None, [only]) => (*only).clone(),
        (None, []) => {
            return Err(StepError::permanent(
                "no incremental model that is selected reads a variable of type `date`, so every slice would be the same",
            )
            .with_hint("make them anew with `tarn run --full-refresh`"));
        }
        (None, several) => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            return Err(StepError::permanent(format!(
                "the selected models read several variables of type `date`: {}",
                names.join(", ")
            ))
            .with_hint(
                "say which are the days of a slice: `--first-var NAME --last-var NAME`, or `backfill:` in tarn.yaml",
            ));
        }
    };
    if first.is_none() && longest_slice > 1 {
        return Err(StepError::permanent(format!(
            "a slice has {longest_slice} days, but the models are told only one of them, in `{last}`"
        ))
        .with_hint(
            "take slices of a day, or name the variable that gets the first day: `--first-var NAME`, or `backfill:` in tarn.yaml",
        ));
    }
    Ok(SliceVars { first, last: Some(last) })
}

fn refuse_wrong(lake: &Lake, name: &String, read: &BTreeSet<&String>) -> Result<(), StepError> {
    match lake.config.vars.get(name) {
        None => Err(StepError::permanent(format!("there is no variable `{name}`"))),
        Some(declared) if declared.var_type != VarType::Date => Err(StepError::permanent(format!(
            "the variable `{name}` is of type {}, not date",
            declared.var_type.word()
        ))),
        Some(_) if !read.contains(name) => {
            Err(StepError::permanent(format!("no incremental model that is selected reads the variable `{name}`")))
        }
        Some(_) => Ok(()),
    }
}

fn incremental<'a>(lake: &'a Lake, selected: &'a [String]) -> impl Iterator<Item = &'a Model> {
    selected.iter().filter_map(|name| lake.models.get(name)).filter(|model| model.is_incremental())
}

/// Sorts the selected models (in graph order) into those that run once and those that run for each slice.
///
/// # Errors
/// When a model of a slice adds its rows to those that are there: they would stand twice.
pub fn phases(lake: &Lake, selected: &[String], vars: &SliceVars) -> Result<Phases, StepError> {
    let sliced: BTreeSet<&str> = incremental(lake, selected)
        .filter(|model| vars.names().any(|name| model.vars.contains(name)))
        .map(|model| model.name.as_str())
        .collect();
    for model in selected.iter().filter(|name| sliced.contains(name.as_str())).filter_map(|name| lake.models.get(name))
    {
        if model.materialization == Materialization::Incremental(Strategy::Append) {
            return Err(StepError::permanent(format!(
                "model `{}` appends: the rows of these days would stand twice",
                model.name
            ))
            .with_hint("make it anew with `tarn run --full-refresh`, or give it `strategy: insert_overwrite`"));
        }
    }
    let below = reached(selected, &sliced, |name| parents(lake, name));
    let above = reached_backwards(selected, &sliced, |name| parents(lake, name));
    let mut phases = Phases { before: Vec::new(), each: Vec::new(), after: Vec::new() };
    for name in selected {
        let (is_sliced, is_below, is_above) =
            (sliced.contains(name.as_str()), below.contains(name.as_str()), above.contains(name.as_str()));
        // What stands between two models of a slice carries the rows from one to the other.
        if is_sliced || (is_below && is_above) {
            phases.each.push(name.clone());
        } else if is_below {
            phases.after.push(name.clone());
        } else {
            phases.before.push(name.clone());
        }
    }
    Ok(phases)
}

fn parents<'a>(lake: &'a Lake, name: &str) -> Vec<&'a str> {
    let dependencies = lake.models.get(name).map(|model| model.depends_on.as_slice()).unwrap_or_default();
    dependencies.iter().map(|dependency| dependency.name.as_str()).collect()
}

/// Selected models that read one of `from`, directly or through other selected models.
fn reached<'a>(
    selected: &'a [String],
    from: &BTreeSet<&str>,
    parents: impl Fn(&str) -> Vec<&'a str>,
) -> BTreeSet<&'a str> {
    let mut below: BTreeSet<&str> = BTreeSet::new();
    // Graph order: what a model reads comes before it.
    for name in selected {
        if parents(name).iter().any(|parent| from.contains(parent) || below.contains(parent)) {
            below.insert(name);
        }
    }
    below
}

/// Selected models that one of `from` reads, directly or through other selected models.
fn reached_backwards<'a>(
    selected: &'a [String],
    from: &BTreeSet<&str>,
    parents: impl Fn(&str) -> Vec<&'a str>,
) -> BTreeSet<&'a str> {
    let mut above: BTreeSet<&str> = BTreeSet::new();
    for name in selected.iter().rev() {
        if from.contains(name.as_str()) || above.contains(name.as_str()) {
            above.extend(parents(name));
        }
    }
    above
}

#[cfg(test)]
mod tests {
    use tarn_model::LakeFiles;

    use super::*;

    const OVERWRITE: &str = "/*\nmaterialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\n*/\n";

    fn lake(config: &str, extra: &[(&str, &str)]) -> Lake {
        let by_day = |from: &str| format!("{OVERWRITE}select 1 as n, date '{{{{ var('day') }}}}' as day {from}");
        let mut files = LakeFiles::new();
        files.insert("tarn.yaml", format!("name: l\nvars: {{day: 2026-01-01, since: 2026-01-01, n: 1}}\n{config}"));
        files.insert("models/lookup.sql", "select 1 as n");
        files.insert("models/events.sql", by_day("from {{ ref('lookup') }}"));
        files.insert("models/latest.sql", "select max(day) as day from {{ ref('events') }}");
        files.insert("models/daily.sql", by_day("from {{ ref('latest') }}"));
        files.insert("models/report.sql", "select * from {{ ref('daily') }}");
        for (file, text) in extra {
            files.insert(*file, (*text).to_owned());
        }
        Lake::load(&files).unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(false)))
    }

    fn all(lake: &Lake) -> Vec<String> {
        lake.select(&[], &[]).unwrap().models
    }

    fn chosen(lake: &Lake, named: SliceVars, days: u64) -> Result<SliceVars, String> {
        variables(lake, &all(lake), &named, days).map_err(|error| error.message)
    }

    fn vars(first: Option<&str>, last: Option<&str>) -> SliceVars {
        SliceVars { first: first.map(str::to_owned), last: last.map(str::to_owned) }
    }

    const TWO: (&str, &str) = (
        "models/range.sql",
        "/*\nmaterialized: incremental\nstrategy: insert_overwrite\npartitioned_by: [day]\n*/\nselect 1 as n, date '{{ var('since') }}' as day where '{{ var('day') }}' <> '{{ var('n') }}'",
    );

    #[test]
    fn the_one_variable_of_type_date_is_the_day() {
        let lake = lake("", &[]);
        assert_eq!(chosen(&lake, SliceVars::default(), 1), Ok(vars(None, Some("day"))));
        assert!(chosen(&lake, SliceVars::default(), 7).unwrap_err().contains("7 days"));
        assert!(chosen(&lake, vars(None, Some("since")), 1).unwrap_err().contains("no incremental model"));
        assert!(chosen(&lake, vars(None, Some("n")), 1).unwrap_err().contains("of type integer"));
        assert!(chosen(&lake, vars(None, Some("x")), 1).unwrap_err().contains("no variable `x`"));
    }

    #[test]
    fn of_several_variables_one_must_be_named() {
        let lake_of_two = lake("", &[TWO]);
        assert!(chosen(&lake_of_two, SliceVars::default(), 1).unwrap_err().contains("`day`, `since`"));
        let named = vars(Some("since"), None);
        assert_eq!(chosen(&lake_of_two, named, 7), Ok(vars(Some("since"), Some("day"))));
        let configured = lake("backfill: {first: since, last: day}\n", &[TWO]);
        assert_eq!(chosen(&configured, SliceVars::default(), 7), Ok(vars(Some("since"), Some("day"))));
    }

    #[test]
    fn models_run_once_or_for_each_slice() {
        let lake = lake("", &[]);
        let phases = phases(&lake, &all(&lake), &vars(None, Some("day"))).unwrap();
        assert_eq!(phases.before, ["lookup"]);
        assert_eq!(phases.each, ["events", "latest", "daily"]);
        assert_eq!(phases.after, ["report"]);
    }

    #[test]
    fn an_append_is_refused() {
        let append = "/*\nmaterialized: incremental\nstrategy: append\n*/\nselect '{{ var('day') }}' as d";
        let lake = lake("", &[("models/log.sql", append)]);
        let refused = phases(&lake, &all(&lake), &vars(None, Some("day"))).unwrap_err();
        assert!(refused.message.contains("`log` appends"), "{refused}");
    }
}
