import { type Command, Option } from 'commander';
import { Client } from 'pg';
import { changeIndexes, planIndexes, type Refused, STATISTICS } from '../operating/visibility-indexes/change-indexes';
import { isEligible, isPartial, type Step, type Target } from '../operating/visibility-indexes/plan';
import type { VisibilityTable } from '../operating/visibility-indexes/visibility-index';
import { type ExitCode, run } from './exit';
import { CommandFailure, databaseFailure } from './failure';
import { withExample } from './options';
import { print, printJson } from './output';

const URL_VARIABLE = 'POSTDATE_VISIBILITY_DATABASE_URL';

interface Options {
  check?: boolean;
  sql?: boolean;
  apply?: boolean;
  revert?: boolean;
  database?: string;
  json?: boolean;
}

export const addVisibilityIndexes = (program: Command) =>
  withExample(
    program
      .command('visibility-indexes')
      .description(
        "make the indexes of Temporal's own visibility in PostgreSQL partial; exit code 1 if some are not, and none was changed",
      )
      .option('--check', 'say what there is; the default')
      .addOption(new Option('--sql', 'print the statements that are left, for another tool').conflicts('check'))
      .addOption(new Option('--apply', 'run them, beside the running server').conflicts(['check', 'sql']))
      .option('--revert', 'with --sql or --apply: back to the indexes as Temporal makes them')
      .option('--database <url>', `Temporal's visibility database; default: ${URL_VARIABLE}`),
    'visibility-indexes --check',
  ).action((options: Options) => run(work(options)));

async function work(options: Options): Promise<ExitCode> {
  const url = options.database ?? process.env[URL_VARIABLE];
  if (!url) throw new CommandFailure("Temporal's visibility database is not named", `set ${URL_VARIABLE}`);
  const client = new Client({ connectionString: url, application_name: 'postdate visibility-indexes' });
  // The statement that it breaks reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await answer(client, options);
  } catch (error) {
    throw databaseFailure(error, url);
  } finally {
    await client.end();
  }
}

async function answer(client: Client, { sql, apply, revert, json }: Options): Promise<ExitCode> {
  const target: Target = revert ? 'full' : 'partial';
  if (apply) {
    const changed: string[] = [];
    const done = await changeIndexes(client, target, (index) => {
      changed.push(index);
      if (!json) print(`changed ${index}`);
    });
    const { table } = found(done);
    if (json) printJson({ ...summaryOf(table), changed });
    else print(textOf(table));
    return 0;
  }
  const { table, steps } = found(await planIndexes(client, target));
  if (json) printJson({ ...summaryOf(table), left: steps });
  else if (sql) printStatements(steps);
  else print(textOf(table));
  return steps.length > 0 ? 1 : 0;
}

function printStatements(steps: Step[]): void {
  const statements = steps.flatMap((step) => step.statements);
  for (const statement of statements.length > 0 ? [...statements, STATISTICS] : []) print(`${statement};`);
}

const REFUSALS: Record<Refused['refused'], [string, string]> = {
  notVisibility: ["this is no database of Temporal's visibility", `check ${URL_VARIABLE}`],
  notOwner: ['this role does not own the table executions_visibility', 'connect as its owner'],
  busy: ['another session changes these indexes at this moment', 'try again when it has ended'],
};

function found<Result extends object>(result: Refused | Result): Result {
  if ('refused' in result) throw new CommandFailure(...REFUSALS[result.refused]);
  return result;
}

function summaryOf({ version, indexes }: VisibilityTable) {
  const eligible = indexes.filter(isEligible);
  return {
    schemaVersion: version,
    indexes: indexes.length,
    partial: eligible.filter((index) => isPartial(index) && index.valid).length,
    full: eligible.filter((index) => !isPartial(index) && index.valid).length,
    invalid: indexes.filter(({ valid }) => !valid).length,
    bytes: indexes.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function textOf(table: VisibilityTable): string {
  const { schemaVersion = 'unknown', indexes, partial, full, invalid, bytes } = summaryOf(table);
  const megabytes = (bytes / 2 ** 20).toFixed(1);
  const broken = invalid > 0 ? `, ${invalid} invalid` : '';
  return `schema ${schemaVersion}: ${indexes} indexes, ${megabytes} MB: ${partial} partial, ${full} to be made so${broken}`;
}
