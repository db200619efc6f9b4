//! What a template says without running it: every call of ours, every unknown name, each with its place.

use std::collections::HashSet;
use std::ops::Range;

use minijinja::machinery::ast::{CallArg, CallType, Expr, Stmt};
use minijinja::machinery::{Span, Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, Value};

use super::{Function, THIS};
use crate::name;
use crate::yaml::Spanned;

/// A call of one of our functions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) function: Function,
    /// The first argument where it is written as text; `None` where it is computed.
    pub(crate) name: Option<Spanned<String>>,
    /// Whether `var` has a default of its own.
    pub(crate) has_default: bool,
    pub(crate) span: Range<usize>,
}

/// Something wrong, at a place in the template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TemplateMistake {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) span: Range<usize>,
    /// The call that names nothing, for those who know what exists.
    pub(crate) call: Option<(Function, String)>,
}

impl TemplateMistake {
    pub(crate) fn new(code: &'static str, span: Range<usize>, message: impl Into<String>) -> TemplateMistake {
        TemplateMistake { code, message: message.into(), hint: None, span, call: None }
    }

    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> TemplateMistake {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn with_hint_if(mut self, hint: Option<String>) -> TemplateMistake {
        self.hint = hint.or(self.hint);
        self
    }
}

/// What a template says.
#[derive(Debug, Default)]
pub(crate) struct Analysis {
    pub(crate) calls: Vec<Call>,
    /// Where `this` is read.
    pub(crate) this: Vec<Range<usize>>,
    pub(crate) mistakes: Vec<TemplateMistake>,
}

/// Words and signs of one expression without a comma. The template engine follows an expression by recursion, and one
/// of many thousands of operators would end the program with an overflow of its stack.
const LONGEST_EXPRESSION: usize = 400;

/// Refuses what the template engine cannot follow (brackets and blocks inside each other it counts itself).
fn check_size(text: &str) -> Result<(), TemplateMistake> {
    let mut length = 0;
    for token in tokenize(text, false, SyntaxConfig::default()) {
        // What is no token is a mistake that parsing tells in better words.
        let Ok((token, span)) = token else { break };
        match token {
            Token::TemplateData(_) | Token::VariableStart | Token::BlockStart | Token::Comma => length = 0,
            _ => length += 1,
        }
        if length > LONGEST_EXPRESSION {
            let message = format!("this expression has more than {LONGEST_EXPRESSION} words and signs");
            return Err(TemplateMistake::new("template-size", range(&span), message));
        }
    }
    Ok(())
}

/// Reads a template; `Err` when it cannot be parsed.
pub(crate) fn analyse(text: &str) -> Result<Analysis, TemplateMistake> {
    check_size(text)?;
    let environment = Environment::new();
    let tree = parse(text, "template", SyntaxConfig::default()).map_err(|error| syntax_mistake(text, &error))?;
    let undeclared =
        environment.template_from_str(text).map_err(|error| syntax_mistake(text, &error))?.undeclared_variables(false);
    let mut walk = Walk { environment: &environment, undeclared, analysis: Analysis::default() };
    walk.statement(&tree);
    Ok(walk.analysis)
}

fn syntax_mistake(text: &str, error: &minijinja::Error) -> TemplateMistake {
    TemplateMistake::new(
        "template-syntax",
        error.range().unwrap_or(text.len()..text.len()),
        format!("this is not a template: {}", error.detail().unwrap_or("it cannot be parsed")),
    )
}

struct Walk<'e> {
    environment: &'e Environment<'e>,
    /// Names that no `set`, `for`, `with` or macro of the template declares.
    undeclared: HashSet<String>,
    analysis: Analysis,
}

impl Walk<'_> {
    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                self.expression(&each.iter);
                self.optional(each.filter_expr.as_ref());
                self.statements(&each.body);
                self.statements(&each.else_body);
            }
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr);
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
            }
            Stmt::WithBlock(block) => {
                block.assignments.iter().for_each(|(_, value)| self.expression(value));
                self.statements(&block.body);
            }
            Stmt::Set(set) => self.expression(&set.expr),
            Stmt::SetBlock(set) => {
                self.optional(set.filter.as_ref());
                self.statements(&set.body);
            }
            Stmt::AutoEscape(block) => {
                self.expression(&block.enabled);
                self.statements(&block.body);
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.statements(&block.body);
            }
            Stmt::Macro(declaration) => {
                declaration.defaults.iter().for_each(|value| self.expression(value));
                self.statements(&declaration.body);
            }
            Stmt::CallBlock(block) => {
                self.call(&block.call, &block.call.span());
                self.statements(&block.macro_decl.body);
            }
            Stmt::Do(statement) => self.call(&statement.call, &statement.call.span()),
            Stmt::Block(block) => self.statements(&block.body),
            Stmt::Import(import) => self.other_file(import.span()),
            Stmt::FromImport(import) => self.other_file(import.span()),
            Stmt::Extends(extends) => self.other_file(extends.span()),
            Stmt::Include(include) => self.other_file(include.span()),
        }
    }

    fn other_file(&mut self, span: Span) {
        self.analysis.mistakes.push(
            TemplateMistake::new("template-file", range(&span), "a model cannot take in another template")
                .with_hint("put what two models share into a model of its own and read it with `ref`"),
        );
    }

    fn optional(&mut self, expression: Option<&Expr<'_>>) {
        if let Some(expression) = expression {
            self.expression(expression);
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(variable) => self.variable(variable.id, range(&variable.span())),
            Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                for part in [&slice.start, &slice.stop, &slice.step] {
                    self.optional(part.as_ref());
                }
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => {
                self.expression(&operation.left);
                self.expression(&operation.right);
            }
            Expr::Compare(comparison) => {
                self.expression(&comparison.expr);
                comparison.ops.iter().for_each(|operation| self.expression(&operation.expr));
            }
            Expr::IfExpr(condition) => {
                self.expression(&condition.test_expr);
                self.expression(&condition.true_expr);
                self.optional(condition.false_expr.as_ref());
            }
            Expr::Filter(filter) => {
                self.optional(filter.expr.as_ref());
                self.arguments(&filter.args);
                self.filter(filter.name, range(&filter.span()));
            }
            Expr::Test(test) => {
                self.expression(&test.expr);
                self.arguments(&test.args);
                self.test(test.name, range(&test.span()));
            }
            Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            Expr::GetItem(item) => {
                self.expression(&item.expr);
                self.expression(&item.subscript_expr);
            }
            Expr::Call(call) => self.call(call, &call.span()),
            Expr::List(list) => list.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|item| self.expression(item)),
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        arguments.iter().for_each(|argument| self.expression(argument_value(argument)));
    }

    fn call(&mut self, call: &minijinja::machinery::ast::Call<'_>, span: &Span) {
        match call.identify_call() {
            CallType::Function(name) if self.undeclared.contains(name) => match Function::of(name) {
                Some(function) => self.own_call(function, &call.args, range(span)),
                None => self.expression(&call.expr),
            },
            CallType::Function(_) | CallType::Block(_) => {}
            CallType::Method(object, _) | CallType::Object(object) => self.expression(object),
        }
        self.arguments(&call.args);
    }

    fn own_call(&mut self, function: Function, arguments: &[CallArg<'_>], span: Range<usize>) {
        let all_positional = arguments.iter().all(|argument| matches!(argument, CallArg::Pos(_)));
        let is_text = |expression: &Expr<'_>| match expression.as_const() {
            Some(value) => value.as_str().map(str::to_owned),
            None => None,
        };
        let first = arguments.first().map(argument_value);
        let is_wrong_constant = first.is_some_and(|first| first.as_const().is_some() && is_text(first).is_none());
        if !all_positional || !function.arguments().contains(&arguments.len()) || is_wrong_constant {
            self.analysis.mistakes.push(
                TemplateMistake::new("bad-call", span, format!("`{}` is called in another way", function.word()))
                    .with_hint(function.usage()),
            );
            return;
        }
        let name = first.and_then(|first| is_text(first).map(|value| Spanned { value, span: range(&first.span()) }));
        self.analysis.calls.push(Call { function, name, has_default: arguments.len() > 1, span });
    }

    fn variable(&mut self, name: &str, span: Range<usize>) {
        if !self.undeclared.contains(name) {
            return;
        }
        if name == THIS {
            self.analysis.this.push(span);
            return;
        }
        if let Some(function) = Function::of(name) {
            self.analysis.mistakes.push(
                TemplateMistake::new("bad-call", span, format!("`{name}` is a function")).with_hint(function.usage()),
            );
            return;
        }
        if self.environment.globals().any(|(global, _)| global == name) {
            return;
        }
        let known = Function::ALL.map(Function::word).into_iter().chain([THIS]);
        let hint = name::nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"));
        self.analysis.mistakes.push(
            TemplateMistake::new("unknown-name", span, format!("nothing in the template is called `{name}`"))
                .with_hint_if(hint.or_else(|| Some(format!("a variable of `tarn.yaml` is read with `var('{name}')`")))),
        );
    }

    fn filter(&mut self, name: &str, span: Range<usize>) {
        let result = self.environment.empty_state().apply_filter(name, &[Value::from("")]);
        if result.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter) {
            self.analysis.mistakes.push(TemplateMistake::new(
                "unknown-name",
                span,
                format!("there is no filter `{name}`"),
            ));
        }
    }

    fn test(&mut self, name: &str, span: Range<usize>) {
        let result = self.environment.empty_state().perform_test(name, &[Value::from("")]);
        if result.is_err_and(|error| error.kind() == ErrorKind::UnknownTest) {
            self.analysis.mistakes.push(TemplateMistake::new(
                "unknown-name",
                span,
                format!("there is no test `{name}`"),
            ));
        }
    }
}

fn argument_value<'a, 's>(argument: &'a CallArg<'s>) -> &'a Expr<'s> {
    match argument {
        CallArg::Pos(value) | CallArg::Kwarg(_, value) | CallArg::PosSplat(value) | CallArg::KwargSplat(value) => value,
    }
}

fn range(span: &Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}
