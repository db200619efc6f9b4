//! Putting one entry in the place of another, so that readers see the one or the other.

use std::collections::BTreeSet;

use aws_sdk_glue::error::ProvideErrorMetadata;
use aws_sdk_glue::types::{Table, TableInput};
use bytes::Bytes;
use chrono::TimeDelta;
use tarn_pipeline::hive::NULL_PARTITION as NULL;
use tarn_pipeline::layout;
use tarn_pipeline::names::Key;
use tarn_pipeline::ports::{CatalogueError, Column, Object, Part, TableEntry};
use xxhash_rust::xxh3::xxh3_128;

use super::form::{self, Form, HIDDEN};
use super::labels::{self, ByRun, Labelled};
use super::partitions::{Locations, Registered, locations_of};
use super::table::Files;
use super::{ENTRY, Glue, NEXT, glue_error, io_error, version, view};

/// How long an entry that has been replaced is kept.
const IN_USE: TimeDelta = TimeDelta::hours(24);

impl Glue {
    /// Publishes the entry in place of the one of version `entry.version`.
    pub(super) async fn put(&self, entry: TableEntry) -> Result<TableEntry, CatalogueError> {
        let found = self.table(&entry.name).await?;
        let at = found.as_ref().map_or(0, version);
        if at != entry.version {
            return Err(CatalogueError::Conflict { name: entry.name, expected: entry.version, found: at });
        }
        if let Some(begun) = found.as_ref().and_then(unfinished) {
            return self.finish(found.as_ref(), &begun, entry).await;
        }
        let (name, key) = (entry.name.clone(), self.keep(&entry).await?);
        let published = self.show(entry, found, &key).await?;
        self.forget(&name, &key).await;
        Ok(published)
    }

    /// Shows readers the entry that is kept under this key.
    async fn show(&self, entry: TableEntry, found: Option<Table>, key: &str) -> Result<TableEntry, CatalogueError> {
        let wanted = form::of(&entry, |key| self.objects.uri(key));
        let at = match wanted {
            Form::Registered => self.register(&entry, found, key).await?,
            Form::Appended(_) => self.show_by_view(&entry, found.as_ref(), key).await?,
            _ => {
                let at = self.write(self.input(&entry, &wanted, &[(ENTRY, key)])?, found.as_ref()).await?;
                self.sweep(&entry, found.as_ref()).await;
                at
            }
        };
        Ok(TableEntry { version: at, ..entry })
    }

    /// Keeps the entry under the hash of its text.
    async fn keep(&self, entry: &TableEntry) -> Result<String, CatalogueError> {
        let json = serde_json::to_vec(&TableEntry { version: 0, ..entry.clone() })
            .map_err(|error| io_error("written", error.to_string(), std::io::ErrorKind::InvalidData))?;
        let key = layout::catalogued(&entry.name, &format!("{:032x}", xxh3_128(&json)));
        let kept = self.objects.put(&key, Bytes::from(json)).await;
        kept.map_err(|error| io_error("written", error.to_string(), std::io::ErrorKind::TimedOut))?;
        Ok(key.as_str().to_owned())
    }

    /// Removes the entries that were kept before this one, but for those of a day: somebody may just be reading, or publishing, one.
    /// Best effort: the next publish looks again.
    async fn forget(&self, name: &str, current: &str) {
        let forgotten = async {
            let kept = self.objects.list(&layout::catalogued_all(name)).await?;
            let outdated = outdated(&kept, current);
            if outdated.is_empty() { Ok(()) } else { self.objects.delete(&outdated).await }
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(table = name, %error, "entries of the catalogue that nobody needs could not be removed yet");
        }
    }

    /// Creates or changes the table by one call, which fails if somebody else has changed it since it was read.
    async fn write(&self, input: TableInput, found: Option<&Table>) -> Result<u64, CatalogueError> {
        let name = input.name.clone();
        let client = self.aws.glue().await;
        let Some(found) = found else {
            let call = client.create_table().database_name(self.database.as_ref()).table_input(input);
            return match call.send().await {
                Ok(_) => self.present(&name).await,
                Err(error) if error.code() == Some("AlreadyExistsException") => self.conflict(name, 0).await,
                Err(error) => Err(glue_error("written", &error)),
            };
        };
        let call = client.update_table().database_name(self.database.as_ref()).table_input(input).skip_archive(true);
        match call.set_version_id(found.version_id.clone()).send().await {
            Ok(_) => self.present(&name).await,
            Err(error)
                if matches!(error.code(), Some("ConcurrentModificationException" | "EntityNotFoundException")) =>
            {
                self.conflict(name, version(found)).await
            }
            Err(error) => Err(glue_error("written", &error)),
        }
    }

    async fn present(&self, name: &str) -> Result<u64, CatalogueError> {
        Ok(self.table(name).await?.as_ref().map_or(0, version))
    }

    async fn conflict(&self, name: String, expected: u64) -> Result<u64, CatalogueError> {
        let found = self.present(&name).await?;
        Err(CatalogueError::Conflict { name, expected, found })
    }

    /// Publishes parts that only registered partitions can hold.
    ///
    /// Where readers see no registered partition yet, they are made first and shown by one call. Where they see some, each is
    /// swapped by itself; that it goes on is noted before, so that whoever comes next can finish it.
    async fn register(&self, entry: &TableEntry, found: Option<Table>, key: &str) -> Result<u64, CatalogueError> {
        // Partitions can only be registered with a table that is there and has their keys.
        let names = |columns: &[Column]| columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        let fitting = found.as_ref().filter(|found| {
            found.partition_keys().iter().map(|key| key.name.as_str()).eq(names(&entry.partition_keys))
                && !entry.partition_keys.is_empty()
        });
        let Some(found) = fitting else {
            return self.show_by_view(entry, found.as_ref(), key).await;
        };
        let mut at = found.clone();
        if sees_registered(found) {
            let before = self.entry(found).await?;
            if replaces_all(&before, entry) {
                return self.show_by_view(entry, Some(found), key).await;
            }
            let widened = TableEntry { columns: wider(&before.columns, &entry.columns), ..before };
            let current = found.parameters.as_ref().and_then(|parameters| parameters.get(ENTRY).cloned());
            let notes = [(ENTRY, current.as_deref().unwrap_or(key)), (NEXT, key)];
            self.write(self.input(&widened, &Form::Registered, &notes)?, Some(found)).await?;
            at = self.noted(entry, key).await?;
        }
        self.make_registered(&entry.name, Files::of(entry), &self.locations(entry.parts())).await?;
        self.write(self.input(entry, &Form::Registered, &[(ENTRY, key)])?, Some(&at)).await
    }

    /// Shows the parts by a view over a hidden table whose partitions have a label before their own values: partitions under
    /// labels that the view does not name are seen by nobody, so they are made before and removed after the one call.
    async fn show_by_view(&self, entry: &TableEntry, found: Option<&Table>, key: &str) -> Result<u64, CatalogueError> {
        let hidden = format!("{}{HIDDEN}", entry.name);
        let below = self.table(&hidden).await?;
        let present = match &below {
            Some(_) => self.described_partitions(&hidden).await?,
            None => Registered::new(),
        };
        // Readers of the present view need the columns it names for as long as they see it.
        let known = below.as_ref().map(|table| self.columns_of(table)).unwrap_or_default();
        let columns = wider(&known, &entry.columns);
        let files = Files { columns: &columns, ..Files::of(entry) };
        self.write(self.hidden_input(entry, &columns)?, below.as_ref()).await?;
        let registered = locations_of(&present);
        let before = found.map(shown_labels).unwrap_or_default();
        let chosen = labels::choose(&self.by_run(entry), &registered, &before, key);
        let missing: Locations =
            chosen.locations.iter().filter(|(values, _)| !registered.contains_key(*values)).map(owned).collect();
        self.create_registered(&hidden, files, &missing).await?;
        self.fit_columns(&hidden, files, &present).await?;
        let gone = labels::unseen(&registered, &before, &chosen);
        let form = Form::Appended(chosen.names);
        let at = self.write(self.input(entry, &form, &[(ENTRY, key)])?, found).await?;
        if let Err(error) = self.delete_registered(&hidden, &gone).await {
            tracing::warn!(table = hidden, %error, "partitions that nobody sees could not be removed yet");
        }
        Ok(at)
    }

    /// The parts by the run that wrote them.
    fn by_run(&self, entry: &TableEntry) -> ByRun {
        let mut by_run = ByRun::new();
        for part in entry.parts() {
            let run = part.run.as_ref().or(entry.run.as_ref()).map_or("none", |run| run.as_str());
            by_run.entry(run.to_owned()).or_default().insert(values_of(part), self.objects.uri(&part.location));
        }
        by_run
    }

    /// Removes registered partitions that no reader sees any more. Best effort: a later publish goes by what is there.
    async fn sweep(&self, entry: &TableEntry, before: Option<&Table>) {
        let Some(before) = before else { return };
        let labels = shown_labels(before);
        let hidden = format!("{}{HIDDEN}", before.name);
        let swept = async {
            if sees_registered(before) {
                let gone: Vec<_> = self.registered(&before.name).await?.into_keys().collect();
                self.delete_registered(&before.name, &gone).await
            } else if !labels.is_empty() {
                let gone = labels::unseen(&self.registered(&hidden).await?, &labels, &Labelled::default());
                self.delete_registered(&hidden, &gone).await
            } else {
                Ok(())
            }
        };
        if let Err(error) = swept.await {
            tracing::warn!(table = entry.name, %error, "partitions that nobody sees could not be removed yet");
        }
    }

    /// Finishes what somebody began and did not end. The entry was made from what readers were told before, so it is to be made
    /// again from what is there then: a conflict.
    async fn finish(
        &self,
        table: Option<&Table>,
        begun: &str,
        entry: TableEntry,
    ) -> Result<TableEntry, CatalogueError> {
        let kept = self.kept(&entry.name, begun).await?;
        self.make_registered(&entry.name, Files::of(&kept), &self.locations(kept.parts())).await?;
        self.write(self.input(&kept, &Form::Registered, &[(ENTRY, begun)])?, table).await?;
        let found = self.present(&entry.name).await?;
        Err(CatalogueError::Conflict { name: entry.name, expected: entry.version, found })
    }

    /// The table with the note of what is being published, whose version the next change is made for.
    ///
    /// # Errors
    /// A conflict when somebody else has changed it since: finished what was noted, or more.
    async fn noted(&self, entry: &TableEntry, key: &str) -> Result<Table, CatalogueError> {
        match self.table(&entry.name).await? {
            Some(table) if unfinished(&table).as_deref() == Some(key) => Ok(table),
            found => Err(CatalogueError::Conflict {
                name: entry.name.clone(),
                expected: entry.version,
                found: found.as_ref().map_or(0, version),
            }),
        }
    }

    fn locations(&self, parts: &[Part]) -> Locations {
        parts.iter().map(|part| (values_of(part), self.objects.uri(&part.location))).collect()
    }
}

/// The kept entries that are not the current one and were replaced long ago. Their age is counted from the newest, which is never later than now.
fn outdated(kept: &[Object], current: &str) -> Vec<Key> {
    let newest = kept.iter().map(|object| object.modified).max();
    let is_old = |object: &&Object| newest.is_some_and(|newest| newest - object.modified > IN_USE);
    let others = kept.iter().filter(|object| object.key.as_str() != current);
    others.filter(is_old).map(|object| object.key.clone()).collect()
}

fn values_of(part: &Part) -> Vec<String> {
    part.values.iter().map(|value| value.clone().unwrap_or_else(|| NULL.to_owned())).collect()
}

/// The entry that somebody began to publish.
fn unfinished(table: &Table) -> Option<String> {
    table.parameters.as_ref()?.get(NEXT).cloned()
}

/// Whether readers of the table see its registered partitions.
fn sees_registered(table: &Table) -> bool {
    let projects = table.parameters.as_ref().and_then(|parameters| parameters.get("projection.enabled"));
    table.table_type.as_deref() != Some("VIRTUAL_VIEW")
        && !table.partition_keys().is_empty()
        && projects.is_none_or(|enabled| enabled != "true")
}

/// Whether no part of the old entry is in the new one: a change of everything at once, which swaps of single partitions are not.
fn replaces_all(before: &TableEntry, after: &TableEntry) -> bool {
    let old: BTreeSet<&Key> = before.parts().iter().map(|part| &part.location).collect();
    !old.is_empty() && !after.parts().iter().any(|part| old.contains(&part.location))
}

/// The old columns and those that are new: old partitions have no values in them.
fn wider(before: &[Column], after: &[Column]) -> Vec<Column> {
    let known = |name: &str| before.iter().any(|column| column.name == name);
    let new = after.iter().filter(|column| !known(&column.name)).cloned();
    before.iter().cloned().chain(new).collect()
}

fn owned((values, at): (&Vec<String>, &String)) -> (Vec<String>, String) {
    (values.clone(), at.clone())
}

/// The labels that a view over a hidden table names; none for other tables and views.
fn shown_labels(table: &Table) -> BTreeSet<String> {
    let text = table.view_original_text.as_deref().filter(|_| table.table_type.as_deref() == Some("VIRTUAL_VIEW"));
    let sql = text.map(view::sql).unwrap_or_default();
    let from = format!("\nfrom \"{}{HIDDEN}\"\nwhere ", table.name);
    sql.split_once(&from).map(|(_, condition)| labels::named(condition)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn entries_of_the_last_day_and_the_current_one_stay() {
        let object = |name: &str, hour: i64| Object {
            key: Key::new(format!("catalogue/t/{name}.json")),
            size: 1,
            modified: DateTime::UNIX_EPOCH + TimeDelta::hours(hour),
        };
        // What was rolled back to is old, and the current one all the same.
        let kept = [object("a", 0), object("b", 10), object("c", 30), object("d", 50)];
        assert_eq!(outdated(&kept, "catalogue/t/a.json"), [kept[1].key.clone()]);
        assert_eq!(outdated(&kept, "catalogue/t/d.json"), [kept[0].key.clone(), kept[1].key.clone()]);
        assert!(outdated(&kept[2..3], "catalogue/t/c.json").is_empty());
        assert!(outdated(&[], "catalogue/t/c.json").is_empty());
    }
}
