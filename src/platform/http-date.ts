/** Parses the date formats of HTTP headers, and `Retry-After`. */

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const monthName = `(${months.join("|")})`;
const time = "(\\d\\d):(\\d\\d):(\\d\\d)";

const imfFixdate = new RegExp(
  `^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\\d\\d) ${monthName} (\\d{4}) ${time} GMT$`,
);
const rfc850 = new RegExp(
  `^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\\d\\d)-${monthName}-(\\d\\d) ${time} GMT$`,
);
const asctime = new RegExp(
  `^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${monthName} ([ \\d]\\d) ${time} (\\d{4})$`,
);

/**
 * Parses an HTTP-date in any of the three forms that a recipient must accept (RFC 9110, 5.6.7).
 * Returns milliseconds since the epoch, or `undefined`. `wallNowMs` decides the century of a
 * two-digit year.
 */
export function parseHttpDate(text: string, wallNowMs: number): number | undefined {
  const imf = imfFixdate.exec(text);
  if (imf !== null) return moment(imf[3], imf[2], imf[1], imf[4], imf[5], imf[6]);
  const old = rfc850.exec(text);
  if (old !== null)
    return moment(fullYear(old[3], wallNowMs), old[2], old[1], old[4], old[5], old[6]);
  const asc = asctime.exec(text);
  if (asc !== null) return moment(asc[6], asc[1], asc[2], asc[3], asc[4], asc[5]);
  return undefined;
}

type Part = string | number | undefined;

function moment(year: Part, name: Part, day: Part, hour: Part, minute: Part, second: Part) {
  return utcMs(
    Number(year),
    months.indexOf(String(name)) + 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
}

/**
 * RFC 9110, 5.6.7: a year that appears to be more than 50 years ahead means the latest past year
 * with the same last two digits.
 */
function fullYear(twoDigits: string | undefined, wallNowMs: number): number {
  const thisYear = new Date(wallNowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + Number(twoDigits);
  return year > thisYear + 50 ? year - 100 : year;
}

/**
 * Milliseconds since the epoch of a UTC date and time, or `undefined` if it does not exist
 * (30 February, 25:00). `month` counts from 1. Years below 100 are rejected: `Date.UTC` would move
 * them to the twentieth century.
 */
export function utcMs(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined {
  if (year < 100 || hour > 23 || minute > 59 || second > 60) return undefined;
  if (!(day >= 1 && day <= daysIn(month, year))) return undefined;
  return Date.UTC(year, month - 1, day) + ((hour * 60 + minute) * 60 + second) * 1000;
}

const daysOfMonths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** The number of days of a month; 0 for a month that does not exist. */
function daysIn(month: number, year: number): number {
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeapYear ? 29 : (daysOfMonths[month - 1] ?? 0);
}

/** Longer waits are capped, in milliseconds: no caller's deadline is that far away. */
const longestMs = 60_000;

/**
 * Parses a `Retry-After` value, seconds or HTTP-date, into milliseconds to wait: 0 to 60,000;
 * longer waits are capped. Returns `undefined` for an invalid value and for a date in the past: the
 * gateway's own backoff is a better guess than "at once".
 */
export function parseRetryAfter(value: string, wallNowMs: number): number | undefined {
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, longestMs);
  const date = parseHttpDate(text, wallNowMs);
  if (date === undefined || date <= wallNowMs) return undefined;
  return Math.min(date - wallNowMs, longestMs);
}
