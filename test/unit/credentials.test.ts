/** What an Authorization header holds. */
import { expect, test } from 'vitest';
import { type Credentials, readCredentials } from '../../src/auth/credentials.ts';

const basic = (text: string) => Buffer.from(text).toString('base64');

test.each<[string | undefined, Credentials]>([
  [undefined, { kind: 'none' }],
  ['', { kind: 'none' }],
  ['  ', { kind: 'none' }],
  [`Basic ${basic(':')}`, { kind: 'none' }],
  ['Bearer abc', { kind: 'bearer', token: 'abc' }],
  ['  bEARER   abc  ', { kind: 'bearer', token: 'abc' }],
  ['Bearer a b', { kind: 'bearer', token: 'a b' }],
  ['Bearer a\nb', { kind: 'unreadable' }],
  ['x Bearer\nb', { kind: 'unreadable' }],
  [`Basic ${basic('alice:secret')}`, { kind: 'basic', user: 'alice', password: 'secret' }],
  [`BASIC\t${basic('alice:a:b')}`, { kind: 'basic', user: 'alice', password: 'a:b' }],
  [`Basic ${basic(':secret')}`, { kind: 'basic', user: '', password: 'secret' }],
  [`Basic ${basic('älice:')}`, { kind: 'basic', user: 'älice', password: '' }],
  [`Basic ${basic('alice')}`, { kind: 'unreadable' }],
  ['Basic', { kind: 'unreadable' }],
  ['Bearer', { kind: 'unreadable' }],
  ['Digest abc', { kind: 'unreadable' }],
  [`Digest ${basic('a:b')}`, { kind: 'unreadable' }],
  [`x Basic ${basic('a:b')}`, { kind: 'unreadable' }],
])('%j', (header, credentials) => {
  expect(readCredentials(header)).toEqual(credentials);
});
