//! Progress: bars on a terminal, plain lines in a pipe.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tarn_pipeline::ports::{Event, Observer};
use tarn_pipeline::record::{ModelRecord, Status};

use crate::terminal::{Style, Terminal, bytes, counted, duration, thousands};

/// Shows what happens as it happens.
pub(crate) struct Progress {
    terminal: Terminal,
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    models: BTreeMap<String, ProgressBar>,
    ingest: Option<ProgressBar>,
    /// When the first rows of a model went to its mart.
    loads: BTreeMap<String, Instant>,
}

impl Progress {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self { terminal, bars: MultiProgress::new(), state: Mutex::default() }
    }

    /// A line that stays, above the bars.
    pub(crate) fn line(&self, text: &str) {
        if self.terminal.shows_progress() {
            // A terminal that went away is no reason to stop the run.
            let _ = self.bars.println(text);
        } else {
            self.terminal.say(text);
        }
    }

    /// Takes all bars away.
    pub(crate) fn clear(&self) {
        // As above: nobody is looking then.
        let _ = self.bars.clear();
    }

    fn step(&self, model: &str, step: &str) {
        if !self.terminal.shows_progress() {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = state.models.entry(model.to_owned()).or_insert_with(|| self.spinner());
        bar.set_message(format!("{model:<28} {step}"));
    }

    fn loading(&self, model: &str, rows: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let started = *state.loads.entry(model.to_owned()).or_insert_with(Instant::now);
        drop(state);
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let speed = rows_per_second(rows, milliseconds);
        self.step(model, &format!("load {}, {} rows/s", counted(rows, "row"), thousands(speed)));
    }

    fn spinner(&self) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    fn finished(&self, record: &ModelRecord) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.models.remove(&record.model) {
            bar.finish_and_clear();
        }
        drop(state);
        for line in model_lines(self.terminal, record) {
            self.line(&line);
        }
    }

    fn ingested(&self, done: u64, total: Option<u64>) {
        if !self.terminal.shows_progress() {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = state.ingest.get_or_insert_with(|| self.bars.add(byte_bar(total)));
        bar.set_position(done);
        if total.is_some_and(|total| done >= total) {
            bar.finish_and_clear();
            state.ingest = None;
        }
    }
}

/// How fast rows went.
pub(crate) fn rows_per_second(rows: u64, milliseconds: u64) -> u64 {
    rows.saturating_mul(1_000) / milliseconds.max(1)
}

fn byte_bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "  {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}"),
        None => (ProgressBar::new_spinner(), "  {spinner} {bytes} {bytes_per_sec}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

impl Observer for Progress {
    fn observe(&self, event: Event) {
        match event {
            Event::RunStarted { run, models } => {
                self.line(&format!("run {run}: {}", counted(models as u64, "model")));
            }
            Event::StepStarted { model, step } => self.step(&model, step),
            Event::LoadProgress { model, rows } => self.loading(&model, rows),
            Event::ModelFinished(record) => self.finished(&record),
            Event::IngestProgress { bytes, total } => self.ingested(bytes, total),
        }
    }
}

/// How a model ended, in a line, and what is wrong with it below.
pub(crate) fn model_lines(terminal: Terminal, record: &ModelRecord) -> Vec<String> {
    let (mark, style) = match record.status {
        Status::Done => ("✓", Style::Good),
        Status::Failed => ("✗", Style::Bad),
        Status::Skipped | Status::Cancelled => ("-", Style::Dim),
    };
    let head = format!("  {} {:<24} {:<16}", terminal.paint(style, mark), record.model, record.materialized);
    let mut lines = vec![match record.status {
        Status::Done => format!("{head} {}", done(record)).trim_end().to_owned(),
        Status::Skipped => format!("{head} skipped"),
        Status::Cancelled => format!("{head} cancelled"),
        Status::Failed => format!("{head} {}", terminal.paint(Style::Bad, "failed")),
    }];
    if let Some(failure) = &record.failure {
        let place = if record.status == Status::Skipped { String::new() } else { format!("{}: ", failure.step) };
        lines.extend(format!("{place}{}", failure.message).lines().map(|line| format!("      {line}")));
        if let Some(hint) = &failure.hint {
            lines.push(format!("      {} {hint}", terminal.paint(Style::Strong, "hint:")));
        }
    }
    if let Some(warning) = &record.warning {
        lines.push(format!("      {} {warning}", terminal.paint(Style::Strong, "warning:")));
    }
    if let Some(table) = &record.inspect {
        lines.push(format!("      the version is kept to look at: tarn query 'select * from {table}'"));
    }
    lines
}

fn done(record: &ModelRecord) -> String {
    let size = match record.materialized.as_str() {
        "view" => format!("{:>30}", ""),
        _ => format!("{:>12} rows  {:>9}  ", thousands(record.rows), bytes(record.bytes)),
    };
    let partitions = match record.partitions {
        0 => String::new(),
        count => format!("{}  ", counted(count, "partition")),
    };
    let audits = match record.audits.len() as u64 {
        0 => String::new(),
        count => format!("{}  ", counted(count, "audit")),
    };
    let mart = record
        .loaded
        .as_ref()
        .map(|loaded| format!("→ {} ({}, {})", loaded.table, loaded.mode, counted(loaded.rows, "row")))
        .unwrap_or_default();
    format!("{size}{:>7}  {partitions}{audits}{mart}", duration(record.milliseconds))
}
