import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readConfig } from '../../src/process/config';

type Texts = Partial<Record<'image' | 'build' | 'init' | 'restart' | 'stop_grace_period', string>>;

/** A service of docker-compose.yml, as far as tests ask. */
export interface Service extends Texts {
  profiles?: string[];
  healthcheck?: { test: string[] };
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition?: string; required?: boolean }>;
  entrypoint?: string[];
  command?: string[];
  ports?: string[];
  volumes?: string[];
  networks?: { default?: { aliases?: string[] } };
}
export type Services = Record<string, Service>;
type Compose = { services: Services; volumes: object; configs: Record<string, { content: string }> };
/** What a container is made from: docker-compose.yml, its default profiles in `.env`, and the image of ours. */
export type Deployment = { compose: Compose; services: Services; dockerfile: string; env: string };

export const path = (...parts: string[]) => join(__dirname, '..', '..', ...parts);
export const read = (...parts: string[]) => readFileSync(path(...parts), 'utf8');

const deployed = (edit = (text: string) => text): Deployment => {
  const compose = parse(edit(read('docker-compose.yml')), { merge: true });
  return { compose, services: compose.services, dockerfile: edit(read('Dockerfile')), env: edit(read('.env')) };
};

/** The files as they are. */
export const deployment = deployed();

/** `faultsIn` our files is nothing, and it is one thing when `good` in them is replaced by `bad`. */
export function promise(title: string, [good, bad]: [string, string], faultsIn: (deployment: Deployment) => string[]) {
  it(title, () => {
    expect(faultsIn(deployment)).toEqual([]);
    expect(faultsIn(deployed((text) => text.replace(good, bad)))).toHaveLength(1);
  });
}

export const found = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, match]) => match as string);

export const namesOf = (services: Services, isBad: (service: Service, name: string) => boolean) =>
  Object.entries(services).flatMap(([name, service]) => (isBad(service, name) ? name : []));

/** The services that run our image. */
export const ours = (services: Services): Services =>
  Object.fromEntries(Object.entries(services).filter(([, { build }]) => build !== undefined));

/** What compose makes of `${NAME:-default}` where nothing is set. */
const interpolated = (text: string) => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

/** How our program reads a service's variables. A developer's own Temporal profile must not answer for them. */
export function configOf({ environment = {} }: Service) {
  const variables = Object.entries(environment).map(([name, value]) => [name, interpolated(value)]);
  return readConfig({ TEMPORAL_CONFIG_FILE: '/nonexistent', ...Object.fromEntries(variables) });
}

/** The services that some profiles start, and the names by which they reach each other. */
export function startedBy(services: Services, profiles: string[]) {
  const started = Object.entries(services).filter(([, one]) => one.profiles?.some((name) => profiles.includes(name)));
  const hosts = started.flatMap(([name, { networks }]) => [name, ...(networks?.default?.aliases ?? [])]);
  return { services: Object.fromEntries(started), hosts };
}

/** Runs to its end, once, and is waited for by what comes after it. */
export const isOneShot = (services: Services, name: string) =>
  Object.values(services).some(
    ({ depends_on = {} }) => depends_on[name]?.condition === 'service_completed_successfully',
  );
