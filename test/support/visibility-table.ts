import { nanoid } from 'nanoid';
import { createDatabase, dropDatabase, withClient } from '../../local/databases';

/** A few columns and indexes as Temporal's visibility has them in PostgreSQL, where no server is needed. */
const SCHEMA = `
  create extension btree_gin;
  create table executions_visibility (
    namespace_id char(64) not null, run_id char(64) not null, start_time timestamp not null, workflow_id varchar(255) not null,
    status integer not null, close_time timestamp, search_attributes jsonb,
    temporalnamespacedivision varchar(255) generated always as (search_attributes->>'TemporalNamespaceDivision') stored,
    keyword01 varchar(255) generated always as (search_attributes->>'Keyword01') stored,
    keyword02 varchar(255) generated always as (search_attributes->>'Keyword02') stored,
    keywordlist01 jsonb generated always as (search_attributes->'KeywordList01') stored,
    primary key (namespace_id, run_id));
  create table schema_version (version_partition int not null, db_name varchar(255) not null, curr_version varchar(64));
  insert into schema_version values (0, 'temporal_visibility', '1.14');
  create index default_idx on executions_visibility
    (namespace_id, (coalesce(close_time, '9999-12-31 23:59:59')) desc, start_time desc, run_id);
  create index by_status on executions_visibility
    (namespace_id, status, (coalesce(close_time, '9999-12-31 23:59:59')) desc, start_time desc, run_id);
  create index by_temporal_namespace_division on executions_visibility
    (namespace_id, temporalnamespacedivision, (coalesce(close_time, '9999-12-31 23:59:59')) desc, start_time desc, run_id);
  create index by_keyword_01 on executions_visibility
    (namespace_id, keyword01, (coalesce(close_time, '9999-12-31 23:59:59')) desc, start_time desc, run_id);
  create index by_keyword_02 on executions_visibility
    (namespace_id, keyword02, (coalesce(close_time, '9999-12-31 23:59:59')) desc, start_time desc, run_id);
  create index by_keyword_list_01 on executions_visibility using gin (namespace_id, keywordlist01 jsonb_path_ops)`;

/** A database of the test file's own with that table; dropped when the file is done. */
export function useVisibilityTable(): { url: string } {
  const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
  const name = `postdate_test_${nanoid(12).toLowerCase().replaceAll('-', '_')}`;
  const database = { url: '' };
  beforeAll(async () => {
    database.url = await createDatabase(server, name);
    await withClient(database.url, (client) => client.query(SCHEMA));
  });
  afterAll(() => dropDatabase(server, name));
  return database;
}
