/** The bytes are not a well-formed tar. */
export class Malformed extends Error {
  override name = 'Malformed'
}
