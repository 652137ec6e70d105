/** The namespace that every benchmark's workflows run in. */
export const NAMESPACE = 'default';
