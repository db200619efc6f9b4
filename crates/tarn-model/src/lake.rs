//! A lake: all its files read, all its names resolved.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use crate::access;
use crate::config::{self, ConfigPlaces, LakeConfig};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, SourceText};
use crate::graph::{Graph, NodeKind};
use crate::header;
use crate::model::Model;
use crate::name;
use crate::names::Names;
use crate::resolve::{DependencyPlaces, Resolver};
use crate::seed::{self, Seed};
use crate::source::{self, Source};
use crate::unit_test::{self, UnitTest};
use crate::yaml::{Reader, Spanned};

/// The texts of a lake's files by path relative to its folder, with `/` between folders.
///
/// Hand in everything under `tarn.yaml`, `sources/`, `seeds/`, `models/` and `tests/`; other files are ignored.
#[derive(Debug, Clone, Default)]
pub struct LakeFiles {
    files: BTreeMap<String, Vec<u8>>,
}

impl LakeFiles {
    /// No files yet.
    #[must_use]
    pub fn new() -> LakeFiles {
        LakeFiles::default()
    }

    /// Adds a file; what is not UTF-8 is reported by [`Lake::load`].
    pub fn insert(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), bytes.into());
    }

    /// The files by path, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Whether a path is one of a lake's files, so that the caller need not read others.
    #[must_use]
    pub fn is_lake_file(path: &str) -> bool {
        path == CONFIG_FILE || FOLDERS.iter().any(|folder| path.starts_with(folder))
    }
}

impl<P: Into<String>, B: Into<Vec<u8>>> FromIterator<(P, B)> for LakeFiles {
    fn from_iter<I: IntoIterator<Item = (P, B)>>(files: I) -> LakeFiles {
        LakeFiles { files: files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect() }
    }
}

const CONFIG_FILE: &str = "tarn.yaml";
const FOLDERS: [&str; 4] = ["sources/", "seeds/", "models/", "tests/"];

/// A lake without mistakes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Lake {
    /// What `tarn.yaml` says.
    pub config: LakeConfig,
    /// Sources by name, in the order of their files.
    pub sources: IndexMap<String, Source>,
    /// Seeds by name, in the order of their files.
    pub seeds: IndexMap<String, Seed>,
    /// Models by name, in the order of their files.
    pub models: IndexMap<String, Model>,
    /// Unit tests in the order of their files.
    pub unit_tests: Vec<UnitTest>,
    /// What works, but probably not as meant.
    pub warnings: Diagnostics,
    #[serde(skip)]
    graph: Graph,
}

impl Lake {
    /// Reads all files; `Err` holds every mistake of every file, warnings too.
    pub fn load(files: &LakeFiles) -> Result<Lake, Diagnostics> {
        let (mut lake, diagnostics) = Lake::read(files);
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        lake.warnings = diagnostics;
        Ok(lake)
    }

    /// Reads all files: what could be read of them, and every mistake, warnings too. Of a file with mistakes not all is in the lake,
    /// or none.
    #[must_use]
    pub fn read(files: &LakeFiles) -> (Lake, Diagnostics) {
        let mut loader = Loader::default();
        let folders = loader.sorted_files(files);
        let places = loader.read_config(folders.config.as_ref());
        loader.read_sources(&folders.sources);
        loader.read_seeds(&folders.seeds);
        loader.read_models(&folders.models);
        loader.check_marts();
        let dependency_places = loader.resolve_models();
        loader.read_unit_tests(&folders.tests);
        let graph = loader.build_graph(&dependency_places);
        let lake = Lake {
            config: loader.config,
            sources: loader.sources,
            seeds: loader.seeds,
            models: loader.models,
            unit_tests: loader.unit_tests,
            warnings: Diagnostics::new(),
            graph,
        };
        let mut diagnostics = loader.diagnostics;
        diagnostics.extend(lake.unit_test_mistakes(&loader.names));
        if !diagnostics.has_errors() {
            diagnostics.extend(lake.config_mistakes(folders.config.as_ref(), &places));
        }
        (lake, diagnostics.sorted())
    }

    /// What reads what.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The source that a relation belongs to: its table, or the view of its latest images.
    pub(crate) fn source_of(&self, relation: &str) -> Option<&Source> {
        self.sources.get(relation).or_else(|| self.sources.get(relation.strip_suffix("_current")?))
    }

    fn unit_test_mistakes(&self, names: &Names) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        for (place, test) in self.unit_tests.iter().enumerate() {
            if let Some(first) = self.unit_tests[..place].iter().find(|first| first.name == test.name) {
                let mistake =
                    test.places.name.error("duplicate-name", format!("two unit tests are called `{}`", test.name));
                diagnostics.push(mistake.with_related(&first.places.name, "the first one"));
            }
            diagnostics.extend(test.mistakes(self, names));
        }
        diagnostics
    }

    /// What `tarn.yaml` names and the lake does not have: selectors that match nothing, sources, columns, clusters.
    fn config_mistakes(&self, config: Option<&SourceText>, places: &ConfigPlaces) -> Diagnostics {
        let Some(config) = config else { return Diagnostics::new() };
        let mut diagnostics = Diagnostics::new();
        for selector in &places.selectors {
            let Err(mistakes) = self.select(std::slice::from_ref(&selector.value), &[]) else { continue };
            for mistake in mistakes {
                let moved = config.error(mistake.code, selector.span.clone(), mistake.message.clone());
                diagnostics.push(moved.with_hint_if(mistake.hint));
            }
        }
        for (source, columns) in &places.readable {
            self.readable_mistakes(config, source, columns).into_iter().for_each(|mistake| diagnostics.push(mistake));
        }
        diagnostics.extend(access::unreadable_views(self, config, &places.groups));
        let clusters: Vec<&str> =
            self.sources.values().filter_map(|source| source.aws.as_ref()?.cluster.as_deref()).collect();
        for cluster in places.exports.iter().filter(|cluster| !clusters.contains(&cluster.value.as_str())) {
            let message = format!("no source comes from the cluster `{}`", cluster.value);
            let mistake = config.error("unknown-cluster", cluster.span.clone(), message);
            diagnostics.push(mistake.with_hint("name it in a source of kind snapshot: `aws: {cluster: …, table: …}`"));
        }
        diagnostics
    }

    /// A source that may be read, or columns of it, that the lake does not have.
    fn readable_mistakes(
        &self,
        config: &SourceText,
        name: &Spanned<String>,
        columns: &[Spanned<String>],
    ) -> Vec<Diagnostic> {
        let unknown = |what: &str, wanted: &Spanned<String>, known: Vec<&str>| {
            let mistake =
                config.error("unknown-name", wanted.span.clone(), format!("there is no {what} `{}`", wanted.value));
            mistake.with_hint_if(name::suggestion(&wanted.value, known, &format!("{what}s")))
        };
        let Some(source) = self.sources.get(&name.value) else {
            return vec![unknown("source", name, self.sources.keys().map(String::as_str).collect())];
        };
        // Without a contract nobody knows the columns.
        let Some(known) = source.table_columns() else { return Vec::new() };
        let missing = columns.iter().filter(|column| known.iter().all(|(name, _)| *name != column.value));
        missing.map(|column| unknown("column", column, known.iter().map(|(name, _)| name.as_str()).collect())).collect()
    }
}

/// Files by what they are.
#[derive(Default)]
struct Folders {
    config: Option<SourceText>,
    sources: Vec<SourceText>,
    /// CSV file and contract by stem.
    seeds: BTreeMap<String, (Option<SourceText>, Option<SourceText>)>,
    models: Vec<SourceText>,
    tests: Vec<SourceText>,
}

/// A lake that is being read.
#[derive(Default)]
struct Loader {
    config: LakeConfig,
    sources: IndexMap<String, Source>,
    seeds: IndexMap<String, Seed>,
    models: IndexMap<String, Model>,
    unit_tests: Vec<UnitTest>,
    names: Names,
    diagnostics: Diagnostics,
}

impl Loader {
    fn sorted_files(&mut self, files: &LakeFiles) -> Folders {
        let mut folders = Folders::default();
        for (path, bytes) in &files.files {
            let path = path.replace('\\', "/");
            if !LakeFiles::is_lake_file(&path) {
                continue;
            }
            let Some(file) = self.text(&path, bytes) else { continue };
            let (_, extension) = path.rsplit_once('.').unwrap_or((&path, ""));
            let is_yaml = matches!(extension, "yaml" | "yml");
            match path.split('/').next().unwrap_or_default() {
                CONFIG_FILE => folders.config = Some(file),
                "sources" if is_yaml => folders.sources.push(file),
                "tests" if is_yaml => folders.tests.push(file),
                "models" if extension == "sql" => folders.models.push(file),
                "seeds" if extension == "csv" => {
                    folders.seeds.entry(stem(&path).to_owned()).or_default().0 = Some(file)
                }
                "seeds" if is_yaml => folders.seeds.entry(stem(&path).to_owned()).or_default().1 = Some(file),
                folder => {
                    let wanted = match folder {
                        "models" => "`.sql`",
                        "seeds" => "`.csv` or `.yaml`",
                        _ => "`.yaml`",
                    };
                    let message = format!("this file is not read: in `{folder}/` a file ends in {wanted}");
                    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
                    let is_prose = matches!(extension, "md" | "txt");
                    if !is_hidden && !is_prose {
                        self.diagnostics.push(file.error("unread-file", 0..0, message).as_warning());
                    }
                }
            }
        }
        folders
    }

    /// The text of a file; bytes that are not UTF-8 are reported where they stand.
    fn text(&mut self, path: &str, bytes: &[u8]) -> Option<SourceText> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(SourceText::new(path, text)),
            Err(error) => {
                let text = String::from_utf8_lossy(bytes);
                let start = error.valid_up_to();
                let source = SourceText::new(path, text.as_ref());
                let mistake = source.error("not-utf8", start..start + '\u{FFFD}'.len_utf8(), "this byte is not UTF-8");
                self.diagnostics.push(mistake.with_hint("save the file as UTF-8"));
                None
            }
        }
    }

    fn read_config(&mut self, file: Option<&SourceText>) -> ConfigPlaces {
        let Some(file) = file else {
            self.config.is_unreadable = true;
            if !self.diagnostics.iter().any(|mistake| mistake.file == CONFIG_FILE) {
                let mistake =
                    SourceText::new(CONFIG_FILE, "").error("missing-file", 0..0, "the lake has no `tarn.yaml`");
                self.diagnostics
                    .push(mistake.with_hint("a lake is a folder with a `tarn.yaml` in it: `tarn init` makes one"));
            }
            return ConfigPlaces::default();
        };
        let mut reader = Reader::new(file.clone());
        let (config, places) = config::read(&mut reader);
        self.config = config;
        self.diagnostics.extend(reader.diagnostics);
        places
    }

    fn read_sources(&mut self, files: &[SourceText]) {
        for file in files {
            let mut reader = Reader::new(file.clone());
            let stem = Spanned { value: stem(&file.path).to_owned(), span: 0..0 };
            let (name, source) = source::read(&mut reader, &stem);
            let place = file.at(name.span);
            self.names.claim(&name.value, "a source", &place, &mut reader.diagnostics);
            self.diagnostics.extend(reader.diagnostics);
            if let Some(view) = source.as_ref().and_then(Source::current_view) {
                self.names.claim(&view, "the view of a source", &place, &mut self.diagnostics);
            }
            self.names.sources.insert(name.value.clone(), source.as_ref().map(|source| source.kind));
            if let Some(source) = source {
                self.sources.insert(name.value, source);
            }
        }
    }

    fn read_seeds(&mut self, files: &BTreeMap<String, (Option<SourceText>, Option<SourceText>)>) {
        for (name, (csv, yaml)) in files {
            let mut contract_reader = yaml.clone().map(Reader::new);
            let contract = contract_reader.as_mut().map(seed::read_contract);
            match csv {
                Some(csv) => {
                    let mut reader = Reader::new(csv.clone());
                    let contract = contract.zip(contract_reader.as_mut());
                    let seed = seed::read(&mut reader, name, contract);
                    self.names.claim(name, "a seed", &csv.at(0..0), &mut reader.diagnostics);
                    self.diagnostics.extend(reader.diagnostics);
                    self.seeds.insert(name.clone(), seed);
                }
                None => {
                    if let Some(reader) = &mut contract_reader {
                        let message = format!("there is no `seeds/{name}.csv` that this file could describe");
                        reader.error("missing-file", 0..0, message);
                    }
                }
            }
            self.names.seeds.insert(name.clone());
            self.diagnostics.extend(contract_reader.map(|reader| reader.diagnostics).unwrap_or_default());
        }
    }

    fn read_models(&mut self, files: &[SourceText]) {
        for file in files {
            let name = stem(&file.path).to_owned();
            let mut reader = Reader::new(file.clone());
            self.names.claim(&name, "a model", &file.at(0..0), &mut reader.diagnostics);
            self.names.models.insert(name.clone());
            if let Some(parts) = header::split(&mut reader) {
                let header = parts.header.map(|yaml| header::read(&mut reader, yaml, &self.config, &name));
                let header = header.unwrap_or_default();
                let has_broken_header = reader.diagnostics.has_errors();
                let model = Model {
                    name: name.clone(),
                    file: file.path.to_string(),
                    description: header.description,
                    materialization: header.materialization,
                    partitioned_by: header.partitioned_by,
                    compression: header.compression,
                    format: header.storage.format,
                    table_type: header.storage.table_type,
                    bucketed_by: header.storage.bucketed_by,
                    on_schema_change: header.on_schema_change,
                    scan_limit_bytes: header.scan_limit_bytes,
                    tags: header.tags,
                    on_empty: header.on_empty,
                    audits: header.audits,
                    mart: header.mart,
                    sql: file.text[parts.sql_offset..].to_owned(),
                    sql_offset: parts.sql_offset,
                    depends_on: Vec::new(),
                    vars: Vec::new(),
                    source_text: file.clone(),
                    has_broken_header,
                };
                self.models.entry(name).or_insert(model);
            }
            self.diagnostics.extend(reader.diagnostics);
        }
    }

    /// Two models that load into one table would take turns in destroying each other's rows.
    fn check_marts(&mut self) {
        let mut tables: IndexMap<(&str, &str), &Model> = IndexMap::new();
        for model in self.models.values() {
            let Some(mart) = &model.mart else { continue };
            if let Some(first) = tables.get(&(mart.to.as_str(), mart.table.as_str())) {
                let message = format!("the model `{}` loads into the table `{}` already", first.name, mart.table);
                let mistake = model.header_place("mart").error("bad-mart", message);
                let mistake = mistake.with_related(&first.header_place("mart"), "here");
                self.diagnostics.push(mistake.with_hint("give the table another name with `table`"));
                continue;
            }
            tables.insert((&mart.to, &mart.table), model);
        }
    }

    fn resolve_models(&mut self) -> IndexMap<String, DependencyPlaces> {
        let resolver = Resolver::new(&self.config, &self.names, &self.sources);
        let mut places = IndexMap::new();
        for (name, model) in &mut self.models {
            places.insert(name.clone(), resolver.resolve(model, &mut self.diagnostics));
        }
        places
    }

    fn read_unit_tests(&mut self, files: &[SourceText]) {
        for file in files {
            let mut reader = Reader::new(file.clone());
            self.unit_tests.extend(unit_test::read(&mut reader, &self.config));
            self.diagnostics.extend(reader.diagnostics);
        }
    }

    /// The graph; every cycle is reported, and cut at its first edge to find the next.
    fn build_graph(&mut self, places: &IndexMap<String, DependencyPlaces>) -> Graph {
        let sources = self.sources.keys().map(|name| (name.clone(), NodeKind::Source, Vec::new()));
        let seeds = self.seeds.keys().map(|name| (name.clone(), NodeKind::Seed, Vec::new()));
        let models = self.models.values().map(|model| {
            let parents = model.depends_on.iter().map(|dependency| dependency.name.clone());
            (model.name.clone(), NodeKind::Model, parents.filter(|parent| *parent != model.name).collect())
        });
        let mut nodes: Vec<(String, NodeKind, Vec<String>)> = sources.chain(seeds).chain(models).collect();
        loop {
            let cycle = match Graph::build(nodes.clone()) {
                Ok(graph) => return graph,
                Err(cycle) => cycle,
            };
            self.diagnostics.extend(cycle_mistake(&cycle, places).into_iter().collect());
            let (Some(child), Some(parent)) = (cycle.first(), cycle.get(1)) else { return Graph::default() };
            for (name, _, parents) in &mut nodes {
                if name == child {
                    parents.retain(|other| other != parent);
                }
            }
        }
    }
}

/// `a` reads `b`, which reads `a`: shown where `a` reads `b`, with the other places.
fn cycle_mistake(cycle: &[String], places: &IndexMap<String, DependencyPlaces>) -> Option<Diagnostic> {
    let place_of = |child: &str, parent: &str| -> Option<&Place> { places.get(child)?.get(parent) };
    let mut edges = cycle.windows(2).filter_map(|edge| Some((edge, place_of(&edge[0], &edge[1])?)));
    let (_, first) = edges.next()?;
    let path = cycle.join(" -> ");
    let mut mistake = first.error("cycle", format!("the models read each other in a circle: {path}"));
    for (edge, place) in edges {
        mistake = mistake.with_related(place, format!("`{}` reads `{}` here", edge[0], edge[1]));
    }
    Some(mistake)
}

/// The name of a file without folders and ending.
fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}
