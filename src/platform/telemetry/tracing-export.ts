import type { Logger } from 'pino';

const WANTED = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];

/** Sends the remaining spans, and ends. */
export type StopTracing = () => Promise<void>;

/**
 * Exports this process's spans by OTLP over HTTP, if OpenTelemetry's own variables name an endpoint. They also name the
 * service, the sampler and the headers. Loads nothing otherwise.
 */
export async function startTracing(env: NodeJS.ProcessEnv, log: Pick<Logger, 'warn'>): Promise<StopTracing> {
  if (!WANTED.some((name) => env[name]) || env.OTEL_SDK_DISABLED === 'true') return async () => undefined;
  const { context, diag, DiagLogLevel, propagation, trace } = await import('@opentelemetry/api');
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
  const { W3CTraceContextPropagator } = await import('@opentelemetry/core');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { defaultResource, resourceFromAttributes } = await import('@opentelemetry/resources');
  const { BasicTracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  const named = resourceFromAttributes({ 'service.name': env.OTEL_SERVICE_NAME || 'postdate' });
  const provider = new BasicTracerProvider({
    resource: defaultResource().merge(named),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const warn = (words: string) => log.warn({ part: 'tracing' }, words);
  const diagnostics = { error: warn, warn, info: () => {}, debug: () => {}, verbose: () => {} };
  diag.setLogger(diagnostics, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return () => provider.shutdown();
}
