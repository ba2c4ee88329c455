/** The runs that schedulers.test.ts compares with diffusers. */

export interface Case {
  /** diffusers' class. */
  readonly kind: string;
  readonly name: string;
  readonly steps: number;
  readonly timesteps?: readonly number[];
  readonly sigmas?: readonly number[];
  readonly config?: Record<string, unknown>;
  readonly eta?: number;
  readonly seeds?: readonly number[];
  /** The index of the timestep to begin at, as image-to-image does. */
  readonly begin?: number;
  /** Whether the model gives the variance in further channels. */
  readonly learned?: boolean;
  readonly dtype?: "float16";
  /** Of the largest value; 0, that is to the bit, where left out. */
  readonly tolerance?: number;
}

interface Entry extends Omit<Case, "kind" | "steps"> {
  /** The numbers of steps to take; 4 and 11 unless given. */
  readonly counts?: readonly number[];
}

const stableDiffusion = { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 };
const linear = { beta_schedule: "linear", beta_start: 0.0001, beta_end: 0.02 };
// NumPy's power and logarithm need not be the JavaScript engine's.
const close = 1e-6;
// Levels from one power of float32 in Python are one of float64 here, and solvers take differences of their logarithms.
const powers = 3e-6;

const betas = Array.from({ length: 1000 }, (_, i) => 0.0001 + 0.00001 * i + 0.000000008 * i * i);
const schedules: Entry[] = [
  { name: "cosine", config: { beta_schedule: "squaredcos_cap_v2" }, tolerance: close },
  { name: "given betas", config: { trained_betas: betas } },
];
// With fewer steps, diffusers' ancestral steps over the cosine's levels round to a negative variance.
const ancestralSchedules = schedules.map((entry) => ({ ...entry, counts: [11, 25] }));
const zeroSnr: Entry = {
  name: "zero SNR",
  config: { rescale_betas_zero_snr: true, timestep_spacing: "trailing" },
};
const zeroSnrV: Entry = {
  name: "zero SNR",
  config: {
    rescale_betas_zero_snr: true,
    timestep_spacing: "trailing",
    prediction_type: "v_prediction",
  },
};
const thresholded: Entry[] = [0.5, 1, 2].map((sample_max_value) => ({
  name: `threshold up to ${sample_max_value}`,
  config: { thresholding: true, sample_max_value, dynamic_thresholding_ratio: 0.9 },
}));
const predictions: Entry[] = ["sample", "v_prediction"].map((prediction_type) => ({
  name: prediction_type,
  config: { prediction_type },
}));
const spacings: Entry[] = ["linspace", "leading", "trailing"].map((timestep_spacing) => ({
  name: timestep_spacing,
  config: { timestep_spacing, steps_offset: 1 },
}));
const respacings: Entry[] = ["karras", "exponential", "beta"].map((name) => ({
  name,
  config: { [`use_${name}_sigmas`]: true },
  tolerance: close,
}));
const flows: Entry[] = [
  { name: "flow", config: { use_flow_sigmas: true, flow_shift: 3 } },
  {
    name: "flow prediction",
    config: { use_flow_sigmas: true, prediction_type: "flow_prediction" },
  },
].map((entry) => ({ ...entry, tolerance: close }));
// Two units of the last place of float16.
const halves: Entry[] = [{ name: "float16", dtype: "float16", tolerance: 2 ** -9 }];
const middle: Entry = { name: "from the middle", begin: 2 };
/** The steps of indices 1 and 2 are both at timestep 998. */
const twins: Entry = {
  name: "from the first of two equal timesteps",
  counts: [50],
  begin: 1,
  config: { use_beta_sigmas: true },
  tolerance: close,
};

const dpmSolver: Omit<Case, "kind">[] = [
  ...[1, 2, 4, 8, 14, 15, 20, 50, 100].map((steps) => ({ name: "default", steps })),
  { name: "heun", steps: 20, config: { solver_type: "heun" } },
  { name: "first order", steps: 20, config: { solver_order: 1 } },
  { name: "third order", steps: 20, config: { solver_order: 3 } },
  { name: "third order, short", steps: 6, config: { solver_order: 3 } },
  { name: "leading", steps: 20, config: { timestep_spacing: "leading", steps_offset: 1 } },
  { name: "trailing", steps: 20, config: { timestep_spacing: "trailing" } },
  { name: "trailing, odd", steps: 7, config: { timestep_spacing: "trailing" } },
  { name: "own timesteps", steps: 4, timesteps: [900, 500, 499, 20] },
  { name: "Lu", steps: 20, config: { use_lu_lambdas: true }, tolerance: close },
  {
    name: "cosine, Lu",
    steps: 20,
    config: { beta_schedule: "squaredcos_cap_v2", use_lu_lambdas: true },
    tolerance: close,
  },
  {
    name: "cosine, clipped",
    steps: 12,
    config: { beta_schedule: "squaredcos_cap_v2", lambda_min_clipped: -5.1 },
    tolerance: close,
  },
  // With more steps, several fall on the first timestep, and diffusers takes one too many.
  ...respacings.map((entry) => ({ steps: 10, ...entry })),
  ...[...flows, ...schedules, ...thresholded, ...halves, zeroSnr, middle].map((entry) => ({
    steps: 20,
    ...entry,
  })),
  { steps: 50, ...twins },
  {
    name: "Lu, zero SNR",
    steps: 20,
    config: { use_lu_lambdas: true, rescale_betas_zero_snr: true },
    tolerance: close,
  },
  { name: "sigma_min", steps: 20, config: { final_sigmas_type: "sigma_min" } },
  {
    name: "sigma_min, higher order to the end",
    steps: 10,
    config: { final_sigmas_type: "sigma_min", lower_order_final: false },
  },
  {
    name: "Euler at the end",
    steps: 20,
    config: { final_sigmas_type: "sigma_min", euler_at_final: true },
  },
  { name: "v-prediction", steps: 20, config: { prediction_type: "v_prediction" } },
  { name: "x0-prediction", steps: 20, config: { prediction_type: "sample" } },
  { name: "Stable Diffusion's schedule", steps: 20, config: stableDiffusion },
  { name: "clipped lambda", steps: 20, config: { lambda_min_clipped: -4.5 } },
  ...["midpoint", "heun"].flatMap((solver_type) => [
    {
      name: `stochastic, ${solver_type}`,
      steps: 16,
      config: { algorithm_type: "sde-dpmsolver++", solver_type },
    },
    ...["dpmsolver", "sde-dpmsolver"].map((algorithm_type) => ({
      name: `${algorithm_type}, ${solver_type}`,
      steps: 16,
      config: { algorithm_type, final_sigmas_type: "sigma_min", solver_type },
    })),
  ]),
  {
    name: "stochastic, third order, v-prediction",
    steps: 16,
    config: {
      algorithm_type: "sde-dpmsolver++",
      solver_order: 3,
      prediction_type: "v_prediction",
    },
  },
  ...["epsilon", "sample", "v_prediction"].map((prediction_type) => ({
    name: `plain, third order, ${prediction_type}`,
    steps: 16,
    config: {
      algorithm_type: "dpmsolver",
      final_sigmas_type: "sigma_min",
      solver_order: 3,
      prediction_type,
    },
  })),
  {
    name: "plain, threshold",
    steps: 16,
    config: { algorithm_type: "dpmsolver", final_sigmas_type: "sigma_min", thresholding: true },
  },
];

const singlestep: Entry[] = [
  { name: "default" },
  ...[1, 2, 3].flatMap((solver_order) =>
    ["midpoint", "heun"].map((solver_type) => ({
      name: `order ${solver_order}, ${solver_type}`,
      config: { solver_order, solver_type, final_sigmas_type: "sigma_min" },
    })),
  ),
  ...["dpmsolver", "sde-dpmsolver++"].flatMap((algorithm_type) =>
    ["midpoint", "heun"].flatMap((solver_type) =>
      [2, 3].map((solver_order) => ({
        name: `${algorithm_type}, order ${solver_order}, ${solver_type}`,
        config: { algorithm_type, solver_order, solver_type, final_sigmas_type: "sigma_min" },
      })),
    ),
  ),
  { name: "lower order at the end", config: { lower_order_final: true, solver_order: 3 } },
  { name: "own timesteps", timesteps: [900, 500, 499, 20] },
  { name: "clipped lambda", config: { lambda_min_clipped: -4.5 } },
  middle,
  twins,
  ...predictions,
  ...respacings,
  ...flows,
  ...schedules,
  ...thresholded,
];

const others: Record<string, Entry[]> = {
  DPMSolverSinglestepScheduler: singlestep,
  DDIMScheduler: [
    { name: "default" },
    { name: "released file", config: { clip_sample: false, timestep_spacing: "linspace" } },
    { name: "eta", eta: 0.7 },
    { name: "final alpha", config: { set_alpha_to_one: false, clip_sample_range: 0.5 } },
    zeroSnrV,
    ...schedules,
    ...thresholded,
    ...spacings,
    ...predictions,
  ],
  DDPMScheduler: [
    { name: "default" },
    { name: "own timesteps", timesteps: [999, 401, 400, 0] },
    { name: "one timestep", timesteps: [400], config: { clip_sample: false } },
    ...["fixed_small_log", "fixed_large"].map((variance_type) => ({
      name: variance_type,
      config: { variance_type },
    })),
    { name: "learned range", learned: true, config: { variance_type: "learned_range" } },
    {
      name: "Laplace",
      config: { beta_schedule: "laplace", clip_sample: false },
      tolerance: close,
    },
    { name: "sigmoid", config: { beta_schedule: "sigmoid", clip_sample: false } },
    zeroSnrV,
    ...schedules,
    ...thresholded,
    ...spacings,
    ...predictions,
  ],
  PNDMScheduler: [
    { name: "default" },
    { name: "no Runge-Kutta", config: { skip_prk_steps: true } },
    { name: "no Runge-Kutta, to one", config: { skip_prk_steps: true, set_alpha_to_one: true } },
    { name: "from the middle", begin: 2, config: { skip_prk_steps: true } },
    { name: "v-prediction", config: { prediction_type: "v_prediction", skip_prk_steps: true } },
    { name: "v-prediction, Runge-Kutta", config: { prediction_type: "v_prediction" } },
    ...schedules,
    { name: "leading, offset", config: { timestep_spacing: "leading", steps_offset: 1 } },
    ...["linspace", "trailing"].map((timestep_spacing) => ({
      name: timestep_spacing,
      config: { timestep_spacing },
    })),
  ],
  EulerDiscreteScheduler: [
    twins,
    { name: "default" },
    { name: "own timesteps", timesteps: [999, 401, 400, 0] },
    { name: "own levels", sigmas: [100, 14.6, 3, 0.5, 0], tolerance: close },
    { name: "sigma_min", config: { final_sigmas_type: "sigma_min" } },
    { name: "log-linear", config: { interpolation_type: "log_linear" }, tolerance: close },
    {
      name: "given range",
      config: { use_karras_sigmas: true, sigma_min: 0.02, sigma_max: 150 },
      tolerance: close,
    },
    {
      name: "continuous",
      config: { timestep_type: "continuous", prediction_type: "v_prediction" },
      tolerance: close,
    },
    zeroSnr,
    middle,
    ...schedules,
    ...halves,
    ...spacings,
    ...predictions,
    ...respacings,
  ],
  EulerAncestralDiscreteScheduler: [
    { name: "default" },
    { name: "v-prediction", config: { prediction_type: "v_prediction" } },
    zeroSnr,
    ...ancestralSchedules,
    ...spacings,
  ],
  HeunDiscreteScheduler: [
    { name: "default" },
    { name: "PixArt's schedule", config: { ...linear, clip_sample: true } },
    { name: "own timesteps", timesteps: [999, 401, 400, 0] },
    { name: "exponential betas", config: { beta_schedule: "exp" }, tolerance: close },
    ...schedules,
    ...spacings,
    ...predictions,
    ...respacings,
  ],
  LMSDiscreteScheduler: [
    { name: "default", tolerance: close },
    ...[middle, ...schedules, ...spacings, ...predictions, ...respacings].map((entry) => ({
      ...entry,
      tolerance: close,
    })),
  ],
  KDPM2DiscreteScheduler: [
    { name: "default" },
    { name: "v-prediction", config: { prediction_type: "v_prediction" } },
    ...schedules,
    ...spacings,
    ...respacings,
  ].map((entry) => ({ ...entry, tolerance: close })),
  KDPM2AncestralDiscreteScheduler: [
    { name: "default" },
    { name: "v-prediction", config: { prediction_type: "v_prediction" } },
    ...ancestralSchedules,
    ...spacings,
    ...respacings,
  ].map((entry) => ({ ...entry, tolerance: close })),
  DEISMultistepScheduler: [
    { ...twins, tolerance: 1e-5 }, // its weights divide by differences of levels
    { name: "default" },
    { name: "first order", config: { solver_order: 1 } },
    { name: "third order", config: { solver_order: 3 } },
    { name: "higher order to the end", config: { lower_order_final: false } },
    middle,
    ...spacings,
    ...predictions,
    ...respacings,
    ...flows,
    ...schedules,
    ...thresholded,
  ].map((entry) => ({ tolerance: close, ...entry })),
  UniPCMultistepScheduler: [
    twins,
    { name: "default" },
    { name: "first order", config: { solver_order: 1 } },
    { name: "third order", config: { solver_order: 3 }, tolerance: close },
    // To no noise at all, diffusers' bh1 ends in NaN.
    { name: "bh1", config: { solver_type: "bh1", final_sigmas_type: "sigma_min" } },
    { name: "no correction after two steps", config: { disable_corrector: [0, 3] } },
    {
      name: "noise, to the least level",
      config: { predict_x0: false, final_sigmas_type: "sigma_min", lower_order_final: false },
    },
    {
      name: "flow of Karras' levels",
      config: { use_flow_sigmas: true, use_karras_sigmas: true, sigma_min: 0.01, sigma_max: 200 },
      tolerance: close,
    },
    {
      name: "flow to a given level",
      config: { use_flow_sigmas: true, flow_shift: 2, shift_terminal: 0.1 },
      tolerance: close,
    },
    {
      name: "flow, own levels",
      sigmas: [1, 0.7, 0.4, 0.1],
      config: { use_flow_sigmas: true },
      tolerance: close,
    },
    zeroSnr,
    middle,
    ...flows,
    ...schedules,
    ...thresholded,
    ...spacings,
    ...predictions,
    ...respacings,
  ],
  SASolverScheduler: [
    twins,
    { name: "default" },
    { name: "first order", config: { predictor_order: 1, corrector_order: 1 } },
    {
      name: "third order",
      config: { predictor_order: 3, corrector_order: 3, lower_order_final: false },
      tolerance: close,
    },
    { name: "mixed orders", config: { predictor_order: 1, corrector_order: 2 } },
    ...[1, 2, 3].map((order) => ({
      name: `noise, order ${order}`,
      config: {
        algorithm_type: "noise_prediction",
        predictor_order: order,
        corrector_order: order,
      },
      tolerance: close,
    })),
    middle,
    ...flows,
    ...schedules,
    ...thresholded,
    ...spacings,
    ...predictions,
    ...respacings,
  ],
  LCMScheduler: [
    { name: "default" },
    { name: "PixArt's file", config: linear },
    { name: "own timesteps", timesteps: [999, 401, 400, 19] },
    { name: "clipped", config: { clip_sample: true, timestep_scaling: 0.01 } },
    {
      name: "zero SNR",
      config: { rescale_betas_zero_snr: true, prediction_type: "v_prediction" },
    },
    ...schedules,
    ...thresholded,
    ...predictions,
  ],
  TCDScheduler: [
    { name: "default" },
    { name: "PixArt's file", config: linear },
    { name: "own timesteps", timesteps: [999, 401, 400, 19] },
    ...[0, 0.7, 1].map((eta) => ({ name: `eta ${eta}`, eta })),
    {
      name: "zero SNR",
      config: { rescale_betas_zero_snr: true, prediction_type: "v_prediction" },
    },
    ...schedules,
    ...predictions,
  ],
  EDMEulerScheduler: [
    { name: "default" },
    { name: "exponential", config: { sigma_schedule: "exponential" } },
    {
      name: "v-prediction, other data",
      config: { prediction_type: "v_prediction", sigma_data: 1, rho: 3, sigma_max: 100 },
    },
    { name: "sigma_min", config: { final_sigmas_type: "sigma_min" } },
  ].map((entry) => ({ ...entry, tolerance: close })),
  EDMDPMSolverMultistepScheduler: [
    { name: "default" },
    { name: "exponential", config: { sigma_schedule: "exponential" } },
    { name: "first order", config: { solver_order: 1 } },
    { name: "third order", config: { solver_order: 3, final_sigmas_type: "sigma_min" } },
    { name: "one step to sigma_min", counts: [1], config: { final_sigmas_type: "sigma_min" } },
    { name: "heun", config: { solver_type: "heun", euler_at_final: true } },
    { name: "stochastic", config: { algorithm_type: "sde-dpmsolver++" } },
    ...thresholded,
    { name: "v-prediction", config: { prediction_type: "v_prediction" } },
  ].map((entry) => ({ ...entry, tolerance: powers })),
};

/** The classes that are compared. */
export const kinds = ["DPMSolverMultistepScheduler", ...Object.keys(others)];

export const cases: Case[] = [
  ...dpmSolver.map((entry) => ({ kind: "DPMSolverMultistepScheduler", ...entry })),
  ...Object.entries(others).flatMap(([kind, list]) =>
    list.flatMap(({ counts = [4, 11], ...entry }): Case[] => {
      const given = entry.timesteps ?? entry.sigmas;
      return given === undefined
        ? counts.map((steps) => ({ kind, steps, ...entry }))
        : [{ kind, steps: given.length, ...entry }];
    }),
  ),
  { kind: "DDPMScheduler", name: "one generator a row", steps: 3, seeds: [3, 4] },
  { kind: "LCMScheduler", name: "one generator a row", steps: 3, seeds: [3, 4] },
];
