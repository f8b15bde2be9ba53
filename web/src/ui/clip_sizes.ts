// Sizes of a clip's picture. The height is part of a style that wavesurfer writes, whose hash the content
// security policy names (build/csp.ts): hence one place for both.

export const WAVEFORM_HEIGHT_PX = 40;
export const SPECTROGRAM_HEIGHT_PX = 88;
