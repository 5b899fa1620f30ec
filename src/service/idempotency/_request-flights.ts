/** How a request ended for those who wait for it; `free`: it says nothing about them, they may try themselves. */
export type FlightEnd =
  | { readonly kind: "done"; readonly keyId: string }
  | { readonly kind: "unknown" | "free" }
  | { readonly kind: "refused"; readonly error: unknown };

/** Requests with an ID that this process is carrying out or inquiring about, so that the same one waits instead of doing so too. */
export interface RequestFlights {
  /** The end of the flight under this key, if there is one. Never rejects. */
  of(key: string): Promise<FlightEnd> | undefined;
  /** Opens a flight; the function that is returned ends it, the first time it is called. */
  open(key: string): (end: FlightEnd) => void;
}

/** Creates an empty set. */
export function createRequestFlights(): RequestFlights {
  const flights = new Map<string, Promise<FlightEnd>>();
  return {
    of: (key) => flights.get(key),
    open(key) {
      let settle: ((end: FlightEnd) => void) | undefined;
      const flight = new Promise<FlightEnd>((resolve) => {
        settle = resolve;
      });
      flights.set(key, flight);
      return (end) => {
        if (flights.get(key) === flight) flights.delete(key);
        settle?.(end);
      };
    },
  };
}
