//! Relations that the engine's planner does not know: `UNNEST` of several arrays and maps, `LATERAL` without a
//! table, `TABLESAMPLE`.

mod lateral;
mod sample;
mod spread;
mod unnest;

pub(crate) use lateral::expand;
pub(crate) use sample::SamplePlanner;
pub(crate) use unnest::UnnestPlanner;
