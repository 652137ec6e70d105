import { nanoid } from 'nanoid';
import { createDatabase, dropDatabase, withClient } from '../../local/databases';

export interface OwnedDatabase<Role extends string> {
  /** What the role is called on this server. */
  names: Record<Role | 'owner', string>;
  /** The address of the database with the role's login. */
  as(role: Role | 'owner'): string;
}

/**
 * An empty database of the test file's own, whose owner is no superuser, and roles that have no right yet. `roles` says
 * with which attributes each is created. All of it is dropped when the file is done.
 */
export function useOwnedDatabase<Role extends string>(roles: Record<Role, string>): OwnedDatabase<Role> {
  const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
  const unique = nanoid(12).toLowerCase().replaceAll('-', '_');
  const database = `postdate_test_${unique}`;
  const options = { owner: 'login', ...roles };
  const names = Object.fromEntries(
    Object.keys(options).map((role) => [role, `${role}_${unique}`]),
  ) as OwnedDatabase<Role>['names'];
  let url: string;

  beforeAll(async () => {
    url = await createDatabase(server, database);
    await withClient(server, async (client) => {
      for (const [role, name] of Object.entries(names)) {
        await client.query(`create role ${name} password 'secret' ${options[role as Role]}`);
      }
      await client.query(`alter database ${database} owner to ${names.owner}`);
    });
  });
  afterAll(async () => {
    await dropDatabase(server, database);
    await withClient(server, (client) => client.query(`drop role ${Object.values(names).join(', ')}`));
  });
  return { names, as: (role) => Object.assign(new URL(url), { username: names[role], password: 'secret' }).href };
}
