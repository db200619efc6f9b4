//! One scalar function: its overloads, and how the engine sees it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature as EngineSignature,
    Volatility,
};

use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};

use crate::call::Call;
use crate::datetime::zoned;
use crate::failure::{internal, no_overload};
use crate::signature::{Matched, Signature};
use crate::types::type_name;

/// Field metadata key that marks text as Athena's type `json`.
pub const TYPE_METADATA_KEY: &str = "tarn.type";

/// Evaluates one overload on a batch; gives an array as long as the batch.
pub(crate) type Body = fn(&Call) -> Result<ArrayRef>;

/// Computes a result type that a signature cannot say, from coerced types and constant arguments.
pub(crate) type Gives = fn(&[DataType], &[Option<&ScalarValue>]) -> Result<DataType>;

#[derive(Debug, Clone)]
struct Overload {
    signature: Signature,
    gives: Option<Gives>,
    body: Body,
}

/// What a function needs to know of a value with time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ZoneUse {
    /// The instant and the column's zone.
    Column,
    /// Only the instant.
    Instant,
    /// Only what the clocks of the value's own zone show.
    WallClock,
}

/// A function under construction; the engine's object comes out of [`Function::build`].
#[derive(Debug, Clone)]
pub(crate) struct Function {
    name: &'static str,
    aliases: Vec<String>,
    overloads: Vec<Overload>,
    engine_signature: EngineSignature,
    volatile: bool,
    zone: ZoneUse,
    mistake: Option<String>,
}

impl Function {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            aliases: Vec::new(),
            overloads: Vec::new(),
            engine_signature: EngineSignature::user_defined(Volatility::Immutable),
            volatile: false,
            zone: ZoneUse::Column,
            mistake: None,
        }
    }

    /// Adds a second name.
    pub(crate) fn alias(mut self, name: &str) -> Self {
        self.aliases.push(name.to_owned());
        self
    }

    /// Marks the function as giving another result at each call.
    pub(crate) fn volatile(mut self) -> Self {
        self.engine_signature = EngineSignature::user_defined(Volatility::Volatile);
        self.volatile = true;
        self
    }

    /// Says that of a timestamp with time zone only the instant counts.
    pub(crate) fn instant_only(mut self) -> Self {
        self.zone = ZoneUse::Instant;
        self
    }

    /// Says that of a timestamp with time zone only its wall clock counts.
    pub(crate) fn wall_clock(mut self) -> Self {
        self.zone = ZoneUse::WallClock;
        self
    }

    /// Adds an overload whose signature says the result type.
    pub(crate) fn on(self, signature: &'static str, body: Body) -> Self {
        self.overload(signature, None, body)
    }

    /// Adds an overload that computes its result type.
    pub(crate) fn computing(self, signature: &'static str, gives: Gives, body: Body) -> Self {
        self.overload(signature, Some(gives), body)
    }

    fn overload(mut self, signature: &'static str, gives: Option<Gives>, body: Body) -> Self {
        match Signature::parse(signature) {
            Ok(signature) => self.overloads.push(Overload { signature, gives, body }),
            Err(error) => self.mistake = Some(error.to_string()),
        }
        self
    }

    pub(crate) fn build(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(self))
    }

    fn choose(&self, arguments: &[DataType]) -> Result<(&Overload, Matched)> {
        if let Some(mistake) = &self.mistake {
            return Err(internal(mistake));
        }
        self.overloads
            .iter()
            .filter_map(|overload| Some((overload, overload.signature.matches(arguments)?)))
            .min_by_key(|(_, matched)| matched.cost())
            .ok_or_else(|| self.refuse(arguments))
    }

    fn refuse(&self, arguments: &[DataType]) -> datafusion::common::DataFusionError {
        let given: Vec<String> = arguments.iter().map(type_name).collect();
        let expected: Vec<String> = self
            .overloads
            .iter()
            .map(|overload| {
                let text = overload.signature.text();
                let parameters = text.split("->").next().unwrap_or(text).trim();
                format!("{}{parameters}", self.name)
            })
            .collect();
        no_overload(format!(
            "FUNCTION_NOT_FOUND: Unexpected parameters ({}) for function {}. Expected: {}",
            given.join(", "),
            self.name,
            expected.join(", ")
        ))
    }
}

// The name identifies the function: there is one object per name.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &EngineSignature {
        &self.engine_signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.choose(arguments).map(|(_, matched)| matched.arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let (overload, matched) = self.choose(arguments)?;
        match (matched.result, overload.gives) {
            (Some(result), _) => Ok(result),
            (None, Some(gives)) => gives(&matched.arguments, &vec![None; arguments.len()]),
            (None, None) => Err(internal(format!("`{}` has no result type", self.name))),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let (overload, matched) = self.choose(&types)?;
        let result = match (matched.result, overload.gives) {
            (Some(result), _) => result,
            (None, Some(gives)) => gives(&matched.arguments, args.scalar_arguments)?,
            (None, None) => return Err(internal(format!("`{}` has no result type", self.name))),
        };
        let field = Field::new(self.name, result, true);
        Ok(Arc::new(if overload.signature.gives_json {
            field.with_metadata([(TYPE_METADATA_KEY.to_owned(), "json".to_owned())].into())
        } else {
            field
        }))
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let variant: fn(&str) -> Option<Arc<ScalarUDF>> = match self.zone {
            ZoneUse::Column => return Ok(ExprSimplifyResult::Original(args)),
            ZoneUse::Instant => zoned::instant_variant,
            ZoneUse::WallClock => zoned::local_variant,
        };
        let mut changed = false;
        let args = args
            .into_iter()
            .map(|argument| match argument {
                Expr::ScalarFunction(inner) if zoned::is_carrier(inner.func.name()) => {
                    match variant(inner.func.name()) {
                        Some(function) => {
                            changed = true;
                            function.call(inner.args)
                        }
                        None => Expr::ScalarFunction(inner),
                    }
                }
                other => other,
            })
            .collect();
        if !changed {
            return Ok(ExprSimplifyResult::Original(args));
        }
        Ok(ExprSimplifyResult::Simplified(ScalarUDF::new_from_impl(self.clone()).call(args)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let (overload, matched) = self.choose(&types)?;
        let constant = !self.volatile && args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let call = Call::new(args, &matched.arguments, rows)?;
        let result = (overload.body)(&call)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}
