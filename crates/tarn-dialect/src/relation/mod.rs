//! Relations that the engine's planner does not know: `UNNEST` of several arrays, `TABLESAMPLE`.

mod sample;

pub(crate) use sample::SamplePlanner;
