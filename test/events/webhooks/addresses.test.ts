import { addressesOf, refuseUrl } from '../../../src/events/webhooks/addresses';
import { refusedRange } from '../../../src/events/webhooks/public-address';

const strict = { allowPrivateAddresses: false };
const leadingTo = (...addresses: string[]) => ({ ...strict, resolve: async () => addresses });

it.each([
  ['10.0.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['0.0.0.0', 'unspecified'],
  ['169.254.169.254', 'linkLocal'],
  ['168.63.129.16', 'linkLocal'],
  ['100.64.0.1', 'carrierGradeNat'],
  ['100.100.100.200', 'carrierGradeNat'],
  ['224.0.0.1', 'multicast'],
  ['255.255.255.255', 'broadcast'],
  ['192.0.0.192', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['203.0.113.7', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['fe80::1', 'linkLocal'],
  ['febf::1', 'linkLocal'],
  ['fec0::1', 'deprecatedSiteLocal'],
  ['fd00:ec2::254', 'uniqueLocal'],
  ['ff02::1', 'multicast'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:a9fe:a9fe', 'linkLocal'],
  ['::ffff:10.1.2.3', 'private'],
  ['::127.0.0.1', 'loopback'],
  ['::7f00:1', 'reserved'],
  ['64:ff9b::7f00:1', 'rfc6052'],
  ['2002:7f00:1::', '6to4'],
  ['2001:0:7f00:1::', 'teredo'],
  ['2001:db8::1', 'reserved'],
  ['4000::1', 'reserved'],
])('%s is refused, as %s', (address, range) => {
  expect(refusedRange(address)).toBe(range);
});

it.each(['1.1.1.1', '93.184.216.34', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])(
  '%s is a public address (the control)',
  (address) => {
    expect(refusedRange(address)).toBeUndefined();
  },
);

it.each([
  ['a text that is none', 'no url'],
  ['plain HTTP', 'http://shop.example/'],
  ['another protocol', 'ftp://shop.example/'],
  ['a user', 'https://anna@shop.example/'],
  ['a user and a password', 'https://anna:secret@shop.example/'],
  ['3,000 characters', `https://shop.example/${'x'.repeat(3_000)}`],
])('no webhook can be at a URL with %s', (_what, url) => {
  expect(refuseUrl(url, strict)).toMatchObject({ code: 'invalidUrl', field: 'url' });
});

it('https can, and http only where private addresses are allowed, for local development', () => {
  expect(refuseUrl('https://shop.example:8443/webhooks?from=postdate', strict)).toBeUndefined();
  expect(refuseUrl('http://localhost:3000/', { allowPrivateAddresses: true })).toBeUndefined();
});

// However an address is written, a URL has one form of it.
it.each([
  'https://127.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0177.0.0.1/',
  'https://[::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[0:0:0:0:0:ffff:7f00:1]/',
])('%s is seen through', async (url) => {
  await expect(addressesOf(new URL(url), leadingTo('1.1.1.1'))).rejects.toMatchObject({ code: 'privateAddress' });
});

it('every address of a name counts: one that is private refuses it, and a name without any is an error', async () => {
  const url = new URL('https://shop.example/');
  await expect(addressesOf(url, leadingTo('1.1.1.1', '2606:4700::1111'))).resolves.toHaveLength(2);
  await expect(addressesOf(url, leadingTo('1.1.1.1', '::ffff:10.0.0.1'))).rejects.toMatchObject({
    code: 'privateAddress',
    field: 'url',
  });
  await expect(addressesOf(url, leadingTo())).rejects.toThrow('no address');
  await expect(addressesOf(url, { ...leadingTo('10.0.0.1'), allowPrivateAddresses: true })).resolves.toEqual([
    '10.0.0.1',
  ]);
});
