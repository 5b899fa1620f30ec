/** Events in the order of their time, as a binary heap. Events of one time come in any order. */
export interface TimedEvent {
  at: number;
}

export interface EventQueue<Event extends TimedEvent> {
  push(event: Event): void;
  pop(): Event | undefined;
}

export function createEventQueue<Event extends TimedEvent>(): EventQueue<Event> {
  const heap: Event[] = [];

  function sinkFromTop(event: Event): void {
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let least = left;
      if (right !== undefined && right.at < left.at) {
        child += 1;
        least = right;
      }
      if (least.at >= event.at) break;
      heap[hole] = least;
      hole = child;
    }
    heap[hole] = event;
  }

  return {
    push(event) {
      let hole = heap.length;
      while (hole > 0) {
        const above = (hole - 1) >> 1;
        const parent = heap[above];
        if (parent === undefined || parent.at <= event.at) break;
        heap[hole] = parent;
        hole = above;
      }
      heap[hole] = event;
    },
    pop() {
      const top = heap[0];
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) sinkFromTop(last);
      return top;
    },
  };
}
