//! `tarn init`: a lake that runs at once.

use std::path::PathBuf;

use crate::lake::LAKE_FILE;
use crate::outcome::{Outcome, Refusal};
use crate::terminal::Terminal;

/// Where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the new lake; made when it is not there.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The lake's name; by default the folder's.
    #[arg(long)]
    name: Option<String>,
}

/// The files of a new lake.
const FILES: [(&str, &str); 7] = [
    (LAKE_FILE, include_str!("../../template/tarn.yaml")),
    (".gitignore", include_str!("../../template/gitignore")),
    ("sources/visits.yaml", include_str!("../../template/sources/visits.yaml")),
    ("seeds/countries.csv", include_str!("../../template/seeds/countries.csv")),
    ("models/visits_per_day.sql", include_str!("../../template/models/visits_per_day.sql")),
    ("tests/visits_per_day.yaml", include_str!("../../template/tests/visits_per_day.yaml")),
    ("data/visits.ndjson", include_str!("../../template/data/visits.ndjson")),
];
/// What stands in the template for the lake's name.
const NAME: &str = "__NAME__";

pub(crate) fn run(args: &Args, terminal: Terminal) -> anyhow::Result<Outcome> {
    let name = name(args)?;
    // Nothing that is there is written over.
    if let Some((file, _)) = FILES.iter().find(|(file, _)| args.folder.join(file).exists()) {
        return Err(Refusal::new(format!("`{}` exists already", args.folder.join(file).display()))
            .with_hint("choose an empty folder")
            .into());
    }
    for (file, text) in FILES {
        let path = args.folder.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, text.replace(NAME, &name))?;
    }
    if terminal.json() {
        let files: Vec<&str> = FILES.iter().map(|(file, _)| *file).collect();
        terminal.print_json(&serde_json::json!({"name": name, "folder": args.folder, "files": files}))?;
    }
    let lake = args.folder.display();
    terminal.say(&format!(
        "made the lake `{name}` in {lake}\n\nnow try\n  cd {lake}\n  tarn ingest visits data/visits.ndjson\n  tarn test\n  tarn run\n  tarn query --mart reporting 'select * from visits_per_day order by day, visits desc'"
    ));
    Ok(Outcome::Done)
}

/// The name in `tarn.yaml`: lower-case letters, digits and `_`.
fn name(args: &Args) -> anyhow::Result<String> {
    let from_folder = || {
        let absolute = std::path::absolute(&args.folder).unwrap_or_else(|_| args.folder.clone());
        absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let wanted = args.name.clone().unwrap_or_else(from_folder).to_lowercase();
    let name: String =
        wanted.chars().map(|character| if character.is_alphanumeric() { character } else { '_' }).collect();
    let name = name.trim_matches('_').to_owned();
    if name.is_empty() {
        return Err(Refusal::new("the folder's name makes no name for a lake")
            .with_hint("give one with `--name`")
            .into());
    }
    Ok(name)
}
