import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Sources of the gauges, read on each request. */
export interface MetricSources {
  readonly queued: () => number;
  readonly inUse: () => number;
  readonly readyEngines: () => number;
  readonly engineTensors: () => number;
  readonly engineBytes: () => number;
}

/** Prometheus metrics of a server, in its own registry. */
export class ServerMetrics {
  readonly registry: Registry = new Registry();
  readonly requests: Histogram<"route" | "status">;
  readonly steps: Histogram;
  readonly batches: Histogram;
  readonly pictures: Counter;
  readonly jobs: Counter<"status">;
  readonly restarts: Counter;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry, prefix: "pixart_" });
    this.requests = new Histogram({
      name: "pixart_request_duration_seconds",
      help: "Time until an answer starts, by route and status",
      labelNames: ["route", "status"],
      buckets: [0.005, 0.02, 0.05, 0.1, 0.5, 2, 10, 60, 300],
      registers,
    });
    this.steps = new Histogram({
      name: "pixart_step_seconds",
      help: "Time of a denoising step, for any batch size",
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
      registers,
    });
    this.batches = new Histogram({
      name: "pixart_batch_size",
      help: "Pictures drawn at once",
      buckets: [1, 2, 4, 8, 16],
      registers,
    });
    this.pictures = new Counter({
      name: "pixart_pictures_total",
      help: "Pictures drawn",
      registers,
    });
    this.jobs = new Counter({
      name: "pixart_jobs_total",
      help: "Jobs that are over, by how they ended",
      labelNames: ["status"],
      registers,
    });
    this.restarts = new Counter({
      name: "pixart_engine_restarts_total",
      help: "Restarts of drawing processes",
      registers,
    });
  }

  /** Adds gauges that are read on each request. */
  observe(sources: MetricSources): void {
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(read());
        },
      });
    };
    gauge("pixart_queue_size", "Pictures that wait", sources.queued);
    gauge("pixart_queue_used", "Pictures that wait or are drawn", sources.inUse);
    gauge("pixart_engines_ready", "Processes that can draw", sources.readyEngines);
    gauge(
      "pixart_engine_tensors",
      "Live tensors of the drawing processes after their last orders",
      sources.engineTensors,
    );
    gauge(
      "pixart_engine_resident_bytes",
      "Resident memory of the drawing processes after their last orders",
      sources.engineBytes,
    );
  }
}
