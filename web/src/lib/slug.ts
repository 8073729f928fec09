/** What a site's short name is made of, as a field's pattern: small letters of any script, digits, `-` and `_`. */
export const SLUG = String.raw`[\p{Ll}\p{Lo}\p{N}_\-]{1,64}`;
