//! Labels of the parts of an `append` table: which of them its view names.
//!
//! A part stands under the label of its run, and the view names the labels that readers see. A table of many runs would name too
//! many: what Glue takes as the text of a view holds about ten thousand. So now and then all labels that stand alone are put
//! into a group, whose labels begin with a name that no other change has: `g<hash>.<run>`. The view names a group by what its
//! labels begin with. A group is registered whole before a view names it, and never added to afterwards, so whoever else is
//! registering labels at the same time shows nothing by it.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_128;

use super::partitions::Locations;

/// Labels that a view names one by one; with one more they become a group.
pub(super) const MOST: usize = 500;

/// The parts of a table by their run, each with the location of its partition values.
pub(super) type ByRun = BTreeMap<String, Locations>;

/// The parts under labels, and what a view names to show them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Labelled {
    /// The location of each label with partition values.
    pub(super) locations: Locations,
    /// Single labels, and groups by what their labels begin with, which ends in `.`.
    pub(super) names: BTreeSet<String>,
}

/// Finds a label for each part: the one under which it is registered, where that can be named, else a new one.
///
/// `named` is what the present view names; `change` is different for every change of the table.
pub(super) fn choose(parts: &ByRun, registered: &Locations, named: &BTreeSet<String>, change: &str) -> Labelled {
    let under = by_label(registered);
    let suffix = format!("{:016x}", xxh3_128(change.as_bytes()) as u64);
    let mut chosen = Labelled { locations: Locations::new(), names: BTreeSet::new() };
    let mut left: BTreeMap<&String, &Locations> = parts.iter().collect();
    for group in named.iter().filter(|name| name.ends_with('.')) {
        let members: Vec<_> =
            under.range::<&str, _>(group.as_str()..).take_while(|(label, _)| label.starts_with(group)).collect();
        let run = |label: &str| label.get(group.len()..).unwrap_or_default().to_owned();
        let is_wanted =
            |(label, held): &(&&str, &Locations)| left.get(&run(label)).is_some_and(|parts| is_same(parts, held));
        if members.is_empty() || !members.iter().all(is_wanted) {
            continue;
        }
        chosen.names.insert(group.clone());
        for (label, _) in members {
            if let Some(parts) = left.remove(&run(label)) {
                chosen.add(label, parts);
            }
        }
    }
    let group = format!("g{suffix}.");
    let are_many = left.len() > MOST;
    for (run, parts) in left {
        let is_free = |label: &str| under.get(label).is_none_or(|held| holds(parts, held));
        let label = match are_many {
            true => format!("{group}{run}"),
            false if is_free(run) => run.clone(),
            false => format!("{run}_{suffix}"),
        };
        chosen.names.insert(if are_many { group.clone() } else { label.clone() });
        chosen.add(&label, parts);
    }
    chosen
}

impl Labelled {
    fn add(&mut self, label: &str, parts: &Locations) {
        let under = parts.iter().map(|(values, at)| ([vec![label.to_owned()], values.clone()].concat(), at.clone()));
        self.locations.extend(under);
    }
}

/// Registered partitions that nobody sees any more once `now` is named in place of `before`. What was not named before may be
/// of somebody who is just going to name it.
pub(super) fn unseen(registered: &Locations, before: &BTreeSet<String>, now: &Labelled) -> Vec<Vec<String>> {
    let was_named = |label: &str| {
        before.contains(label) || label.split_once('.').is_some_and(|(group, _)| before.contains(&format!("{group}.")))
    };
    let gone = registered.keys().filter(|values| !now.locations.contains_key(*values));
    gone.filter(|values| values.first().is_some_and(|label| was_named(label))).cloned().collect()
}

/// What is true of the labels that a view shows.
pub(super) fn condition(column: &str, names: &BTreeSet<String>) -> String {
    let groups = names.iter().filter(|name| name.ends_with('.'));
    // All characters of a run's id come before `~`.
    let mut those: Vec<String> = groups.map(|group| format!("{column} between '{group}' and '{group}~'")).collect();
    let single: Vec<String> =
        names.iter().filter(|name| !name.ends_with('.')).map(|label| format!("'{label}'")).collect();
    if !single.is_empty() {
        those.push(format!("{column} in ({})", single.join(", ")));
    }
    if those.is_empty() { "false".to_owned() } else { those.join("\n  or ") }
}

/// What the condition of a view names.
pub(super) fn named(condition: &str) -> BTreeSet<String> {
    condition.split('\'').skip(1).step_by(2).filter(|name| !name.ends_with('~')).map(str::to_owned).collect()
}

/// Partitions by their label, without it.
fn by_label(registered: &Locations) -> BTreeMap<&str, Locations> {
    let mut found: BTreeMap<&str, Locations> = BTreeMap::new();
    for (values, at) in registered {
        if let Some((label, values)) = values.split_first() {
            found.entry(label).or_default().insert(values.to_vec(), at.clone());
        }
    }
    found
}

/// Whether all that is held is among the parts, at the same place.
fn holds(parts: &Locations, held: &Locations) -> bool {
    held.iter().all(|(values, at)| parts.get(values).is_some_and(|wanted| folder(wanted) == folder(at)))
}

fn is_same(parts: &Locations, held: &Locations) -> bool {
    parts.len() == held.len() && holds(parts, held)
}

/// A location however it is written.
fn folder(location: &str) -> &str {
    location.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a run: one, or two with partition values.
    fn parts_of(run: usize) -> (String, Locations) {
        let at = |value: &str| (vec![value.to_owned()], format!("s3://lake/run={run}/{value}/"));
        (format!("2026{run:06}_abcd"), Locations::from([at("a"), at("b")]))
    }

    /// The runs whose parts a condition shows, by an own reading of it.
    fn shown(registered: &Locations, condition: &str) -> Vec<String> {
        let matches = |label: &str| {
            condition.split("\n  or ").any(|piece| match piece.split_once(" between ") {
                Some((_, bounds)) => {
                    let (from, to) = bounds.trim_matches('\'').split_once("' and '").unwrap();
                    (from..=to).contains(&label)
                }
                None => piece.contains(&format!("'{label}'")),
            })
        };
        registered.iter().filter(|(values, _)| matches(&values[0])).map(|(_, at)| at.clone()).collect()
    }

    fn locations(parts: &ByRun) -> Vec<String> {
        let mut all: Vec<String> = parts.values().flat_map(|parts| parts.values().cloned()).collect();
        all.sort();
        all
    }

    /// Publishes as the catalogue does: registers what is missing, names what is to be seen, removes what nobody sees.
    fn publish(parts: &ByRun, registered: &mut Locations, text: &mut String, change: &str) -> usize {
        let before = named(text);
        let chosen = choose(parts, registered, &before, change);
        let missing: Locations = chosen
            .locations
            .iter()
            .filter(|(key, _)| !registered.contains_key(*key))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let made = missing.len();
        let seen = shown(registered, text);
        registered.extend(missing);
        assert_eq!(shown(registered, text), seen, "nothing is shown before the view is changed");
        *text = condition("l", &chosen.names);
        let gone = unseen(registered, &before, &chosen);
        gone.iter().for_each(|values| drop(registered.remove(values)));
        let mut seen = shown(registered, text);
        seen.sort();
        assert_eq!(seen, locations(parts), "{change}");
        made
    }

    #[test]
    fn thousands_of_runs_are_named_in_few_words() {
        let (mut registered, mut text, mut parts, mut made) = (Locations::new(), String::new(), ByRun::new(), 0);
        for run in 0..2_000 {
            parts.extend([parts_of(run)]);
            made += publish(&parts, &mut registered, &mut text, &format!("change {run}"));
            assert!(text.len() < 30_000, "{}", text.len());
        }
        assert_eq!(registered.len(), 4_000);
        assert!(made < 8_000 + 100, "each part is registered twice at most: {made}");
        // Back to an older version: groups that hold more than that can no longer be named.
        let older: ByRun = (0..700).map(parts_of).collect();
        publish(&older, &mut registered, &mut text, "back");
        publish(&parts, &mut registered, &mut text, "forth");
        let one = ByRun::from([parts_of(3)]);
        publish(&one, &mut registered, &mut text, "anew");
        assert_eq!(registered.len(), 2);
    }

    #[test]
    fn what_somebody_else_is_registering_is_neither_shown_nor_removed() {
        let (mut registered, mut text) = (Locations::new(), String::new());
        let mut parts: ByRun = (10..12).map(parts_of).collect();
        publish(&parts, &mut registered, &mut text, "first");
        let (other, of_other) = parts_of(5);
        let (group, of_group) = (format!("g0123456789abcdef.{other}"), of_other.clone());
        for (label, parts) in [(other, of_other), (group, of_group)] {
            registered.extend(parts.into_iter().map(|(values, at)| ([vec![label.clone()], values].concat(), at)));
        }
        parts.extend([parts_of(20)]);
        publish(&parts, &mut registered, &mut text, "second");
        assert_eq!(registered.len(), 3 * 2 + 4);
    }

    #[test]
    fn a_label_that_holds_something_else_is_not_used() {
        let (mut registered, mut text) = (Locations::new(), String::new());
        let (run, parts) = parts_of(1);
        let elsewhere = parts.keys().map(|values| (values.clone(), "s3://lake/elsewhere/".to_owned())).collect();
        publish(&ByRun::from([(run.clone(), elsewhere)]), &mut registered, &mut text, "first");
        publish(&ByRun::from([(run, parts)]), &mut registered, &mut text, "second");
    }
}
