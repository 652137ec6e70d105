import { createHash } from 'node:crypto';
import { canonicalJson } from '../../src/http/json';
import { pageTokenOf, placeOf, readPageTokenKey } from '../../src/http/page-token';
import { useDatabase } from '../support/database';

const database = useDatabase();
const place = Buffer.from('a page of Temporal');
const acme = { tenant: 'acme', selected: { tenant: 'acme', topic: 't' } };
const invalid = expect.objectContaining({ problem: expect.objectContaining({ code: 'invalidCursor' }) });

it('a token is of its caller, selection and place, for each process that reads the key', async () => {
  const key = await readPageTokenKey(database.pool);
  const token = pageTokenOf(key, place, acme);
  expect(placeOf(await readPageTokenKey(database.pool), token, acme)).toEqual(place);
  for (const other of [
    { ...acme, tenant: '*' },
    { ...acme, tenant: 'globex' },
    { ...acme, selected: { tenant: 'globex', topic: 't' } },
    { ...acme, selected: { ...acme.selected, state: 'waiting' } },
  ]) {
    expect(() => placeOf(key, token, other)).toThrow(invalid);
  }
  const bytes = Buffer.from(token, 'base64url');
  for (const at of bytes.keys()) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    expect(() => placeOf(key, changed.toString('base64url'), acme)).toThrow(invalid);
  }
});

it('without the key no token can be made, also not by a plain checksum', async () => {
  const key = await readPageTokenKey(database.pool);
  expect(key).toHaveLength(32);
  const checksum = createHash('sha256').update(canonicalJson(acme.selected)).update(place).digest();
  for (const length of [9, 16]) {
    const forged = Buffer.concat([checksum.subarray(0, length), place]).toString('base64url');
    expect(() => placeOf(key, forged, acme)).toThrow(invalid);
  }
  const token = pageTokenOf(Buffer.alloc(32), place, acme);
  expect(() => placeOf(key, token, acme)).toThrow(invalid);
  for (const short of ['', 'AA', '____']) expect(() => placeOf(key, short, acme)).toThrow(invalid);
});

it('each database has a key of its own, and only one', async () => {
  const again = database.pool.query(
    "insert into postdate.page_token_key (key) values (decode(repeat('00', 32), 'hex'))",
  );
  await expect(again).rejects.toMatchObject({ code: '23505' });
  const { rows } = await database.pool.query<{ key: Buffer }>(
    `select decode(replace(concat(gen_random_uuid(), gen_random_uuid()), '-', ''), 'hex') as key`,
  );
  expect(rows[0]?.key.equals(await readPageTokenKey(database.pool))).toBe(false);
});
