use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::hex::Hex;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Job {
    Run(Run),
    Bench(Bench),
}

/// A chain built anew, given history if there is any, then the batches in order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub steps: Vec<Step>,
    pub version: i16,
    pub history: Option<Hex>,
    pub batches: Vec<Batch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bench {
    pub steps: Vec<Step>,
    pub version: i16,
    pub batch: Batch,
    pub milliseconds: u64,
    /// Whether the output's records are encoded again, as whoever sends them on has to do.
    pub encode: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub wasm: PathBuf,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    pub accumulator: Option<Hex>,
    pub lookback: Option<Lookback>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lookback {
    pub last: u64,
    pub age_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub records: Hex,
    pub base_offset: i64,
    pub base_timestamp_ms: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The output of each batch before the failure, if there was one.
    Run { outputs: Vec<Output>, failure: Option<Failure> },
    Speed(Speed),
    Failure(Failure),
}

/// The chain cannot be used (any more).
#[derive(Serialize)]
pub struct Failure {
    pub stage: Stage,
    pub text: String,
    /// What the module's init or look_back reported.
    pub error: Option<RecordError>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    Build,
    LookBack,
    Process,
}

#[derive(Serialize)]
pub struct Output {
    pub records: Hex,
    pub error: Option<RecordError>,
}

#[derive(Serialize, Default)]
pub struct RecordError {
    pub kind: Option<String>,
    pub hint: String,
    pub offset: Option<i64>,
    pub key: Option<Hex>,
    pub value: Option<Hex>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Speed {
    pub calls: u64,
    pub records_out: u64,
    pub seconds: f64,
}
