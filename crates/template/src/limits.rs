//! Limits of the language. Each has a unit and a source.

/// Longest expression, in characters. Source: Azure's limits of templates.
pub(crate) const EXPRESSION_CHARS_MAX: usize = 24_576;
/// Deepest nesting of an expression, and of values that expressions are made of. Source: ours; Microsoft's engine takes a
/// hundred calls in one another.
pub(crate) const DEPTH_MAX: usize = 128;
/// Deepest nesting of a value that is stored: of a parameter or an output, or in the body of a resource. Source: ours; a row can be
/// nested 127 deep, the body of a request 32.
pub(crate) const STORED_DEPTH_MAX: usize = 64;
/// Parameters of a template. Source: Microsoft's deployments engine.
pub const PARAMETERS_MAX: usize = 256;
/// Variables of a template. Source: Microsoft's deployments engine.
pub(crate) const VARIABLES_MAX: usize = 512;
/// Outputs of a template. Source: Microsoft's deployments engine.
pub(crate) const OUTPUTS_MAX: usize = 64;
/// Resources of a template, those that are nested in others included. Source: Azure's limits of templates.
pub const RESOURCES_MAX: usize = 800;
/// Function calls in the evaluation of one template. Source: ours.
pub(crate) const CALLS_MAX: usize = 100_000;
/// Deepest nesting of an evaluation, in values, calls, and the variables and parameters that they name. Source: ours; a chain of 64
/// variables fits, and a debug build needs less than half of the 2 MiB of stack that a thread has.
pub(crate) const EVALUATION_DEPTH_MAX: usize = 192;
/// Memory for the values of one evaluation, copies included and never given back, in bytes. Source: ours.
pub(crate) const EVALUATION_MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Resources and outputs of one template with their expressions evaluated, in bytes. Source: Azure's limit of a template with all its
/// expressions evaluated (4 MB).
pub(crate) const EVALUATED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Values of the parameters that a deployment shows, in bytes of JSON. Source: ours; they are a part of a row that has its outputs
/// and its error, too.
pub(crate) const SHOWN_BYTES_MAX: usize = 384 * 1024;
/// Dependencies that all resources of a template name. Source: ours; each is compared with the resources by name only.
pub(crate) const DEPENDENCIES_MAX: usize = 20_000;
/// Longest name that a refusal repeats, in characters. Source: ours.
pub(crate) const SHOWN_CHARS_MAX: usize = 128;
