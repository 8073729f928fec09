//! MP4 boxes (ISO/IEC 14496-12 and -15), by the crate `mp4-atom`: this file is its only home. One video track.
//! Not here: which samples, their times.

use mp4_atom::{
    Atom, Avc1, Avcc, AvccExt, Codec as Entry, Ctts, CttsEntry, Dinf, Dref, Edts, Elst, ElstEntry, Encode, FixedPoint,
    Ftyp, Hdlr, Hvc1, HvcCArray, Hvcc, Mdat, Mdhd, Mdia, Mfhd, Minf, Moof, Moov, Mvex, Mvhd, Stbl, Stco, Stsc,
    StscEntry, Stsd, Stss, Stsz, StszSamples, Stts, SttsEntry, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry,
    Url, Visual, Vmhd,
};

use super::{annexb::Config, order::TICKS};
use crate::camera::Codec;

const TRACK: u32 = 1;

/// Flags of a sample that others are decoded from and that needs none, and of any other one (ISO/IEC 14496-12, 8.8.3.1).
const KEY: u32 = 0x0200_0000;
const DELTA: u32 = 0x0101_0000;

/// A sample's times in ticks, and its size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) duration: u32,
    /// From its decoding to its showing.
    pub(super) shown_after: i32,
    pub(super) key: bool,
    pub(super) bytes: u32,
}

/// Boxes that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stream does not fit into MP4 boxes: {0}")]
pub struct BoxError(String);

impl From<mp4_atom::Error> for BoxError {
    fn from(error: mp4_atom::Error) -> Self {
        Self(error.to_string())
    }
}

/// What a player of fragments begins with: `ftyp` and `moov` without samples.
///
/// # Errors
/// The configuration does not fit into its boxes.
pub(super) fn init(config: &Config) -> Result<Vec<u8>, BoxError> {
    let trex = Trex { track_id: TRACK, default_sample_description_index: 1, ..Trex::default() };
    let table = Stbl { stsd: description(config)?, stco: Some(Stco::default()), ..Stbl::default() };
    let mut moov = movie(config, table, 0, None);
    moov.mvex = Some(Mvex { mehd: None, trex: vec![trex] });
    let mut bytes = Vec::with_capacity(1024);
    Ftyp {
        major_brand: b"iso6".into(),
        minor_version: 0,
        compatible_brands: vec![b"iso6".into(), b"isom".into(), b"mp41".into(), brand(config.codec).into()],
    }
    .encode(&mut bytes)?;
    moov.encode(&mut bytes)?;
    Ok(bytes)
}

/// One sample as a fragment: `moof` and `mdat`. `write` appends the sample and gives its length.
///
/// # Errors
/// A sample of 4 GiB or more.
pub(super) fn fragment(
    number: u32,
    decoded_at: u64,
    sample: Sample,
    write: impl FnOnce(&mut Vec<u8>) -> usize,
) -> Result<Vec<u8>, BoxError> {
    let moof = |bytes: u32, data_offset: i32| Moof {
        mfhd: Mfhd { sequence_number: number },
        traf: vec![Traf {
            tfhd: Tfhd { track_id: TRACK, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: decoded_at }),
            trun: vec![Trun {
                data_offset: Some(data_offset),
                samples: vec![TrunEntry {
                    duration: Some(sample.duration),
                    size: Some(bytes),
                    flags: Some(if sample.key { KEY } else { DELTA }),
                    cts: Some(sample.shown_after.into()),
                }]
                .into(),
            }],
            ..Traf::default()
        }],
    };
    let mut bytes = Vec::new();
    // The head's length does not depend on the numbers in it: room for it first, then the sample, then the head.
    moof(0, 0).encode(&mut bytes)?;
    let head = bytes.len() + 8;
    bytes.resize(head, 0);
    let length = write(&mut bytes);
    let too_large = || BoxError("a sample of 4 GiB".to_owned());
    let size = u32::try_from(length).ok().filter(|size| *size < u32::MAX - 8).ok_or_else(too_large)?;
    let mut front = Vec::with_capacity(head);
    moof(size, i32::try_from(head).map_err(|_| too_large())?).encode(&mut front)?;
    front.extend_from_slice(&(size + 8).to_be_bytes());
    front.extend_from_slice(Mdat::KIND.as_ref());
    match bytes.get_mut(..head) {
        Some(room) if front.len() == head => room.copy_from_slice(&front),
        _ => return Err(BoxError("the head of a fragment changed its length".to_owned())),
    }
    Ok(bytes)
}

/// The head of an ordinary file: `ftyp`, `moov`, and the beginning of the `mdat` that the samples follow in, one after
/// the other. The first is shown at 0.
///
/// # Errors
/// More than 4 GiB; a configuration that does not fit into its boxes.
pub(super) fn head(config: &Config, samples: &[Sample]) -> Result<Vec<u8>, BoxError> {
    let length: u64 = samples.iter().map(|s| u64::from(s.bytes)).sum();
    let too_large = || BoxError("a file of 4 GiB".to_owned());
    let duration: u64 = samples.iter().map(|s| u64::from(s.duration)).sum();
    // Decoding begins before the first picture is shown: the edit list says so, and players begin with the picture.
    let lead = samples.iter().scan(0_i64, |decoded, s| {
        let shown = *decoded + i64::from(s.shown_after);
        *decoded += i64::from(s.duration);
        Some(shown)
    });
    let lead = lead.min().and_then(|lead| u64::try_from(lead).ok()).filter(|lead| *lead > 0);
    let keys = (1..).zip(samples).filter(|(_, s)| s.key).map(|(number, _)| number).collect();
    let count = u32::try_from(samples.len()).map_err(|_| too_large())?;
    let table = |offset| -> Result<Stbl, BoxError> {
        Ok(Stbl {
            stsd: description(config)?,
            stts: Stts {
                entries: runs(samples.iter().map(|s| s.duration))
                    .map(|(sample_count, sample_delta)| SttsEntry { sample_count, sample_delta })
                    .collect(),
            },
            ctts: samples.iter().any(|s| s.shown_after != 0).then(|| Ctts {
                entries: runs(samples.iter().map(|s| s.shown_after))
                    .map(|(sample_count, after)| CttsEntry { sample_count, sample_offset: after.into() })
                    .collect(),
            }),
            stss: Some(Stss { entries: Vec::clone(&keys) }),
            stsc: Stsc {
                entries: vec![StscEntry { first_chunk: 1, samples_per_chunk: count, sample_description_index: 1 }],
            },
            stsz: Stsz { samples: StszSamples::Different { sizes: samples.iter().map(|s| s.bytes).collect() } },
            stco: Some(Stco { entries: vec![offset] }),
            ..Stbl::default()
        })
    };
    let write = |offset: u32| -> Result<Vec<u8>, BoxError> {
        let mut bytes = Vec::new();
        Ftyp {
            major_brand: b"isom".into(),
            minor_version: 0x200,
            compatible_brands: vec![b"isom".into(), b"iso2".into(), b"mp41".into(), brand(config.codec).into()],
        }
        .encode(&mut bytes)?;
        movie(config, table(offset)?, duration, lead).encode(&mut bytes)?;
        bytes.extend_from_slice(&u32::try_from(length + 8).map_err(|_| too_large())?.to_be_bytes());
        bytes.extend_from_slice(Mdat::KIND.as_ref());
        Ok(bytes)
    };
    // Where the samples begin depends on the head's length only.
    let offset = u32::try_from(write(0)?.len()).map_err(|_| too_large())?;
    write(offset)
}

/// Equal values in a row: how many, and which.
fn runs<T: PartialEq + Copy>(values: impl Iterator<Item = T>) -> impl Iterator<Item = (u32, T)> {
    let mut runs: Vec<(u32, T)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((count, last)) if *last == value => *count += 1,
            _ => runs.push((1, value)),
        }
    }
    runs.into_iter()
}

const fn brand(codec: Codec) -> &'static [u8; 4] {
    match codec {
        Codec::H264 => b"avc1",
        Codec::H265 => b"hvc1",
    }
}

fn movie(config: &Config, table: Stbl, duration: u64, lead: Option<u64>) -> Moov {
    let side = |side: u32| FixedPoint::new(u16::try_from(side).unwrap_or(u16::MAX), 0);
    let edit = |media_time| Edts {
        elst: Some(Elst {
            entries: vec![ElstEntry {
                segment_duration: duration,
                media_time: Some(media_time),
                media_rate: FixedPoint::new(1, 0),
            }],
        }),
    };
    Moov {
        mvhd: Mvhd {
            timescale: TICKS,
            duration,
            rate: FixedPoint::new(1, 0),
            volume: FixedPoint::new(1, 0),
            next_track_id: TRACK + 1,
            ..Mvhd::default()
        },
        trak: vec![Trak {
            tkhd: Tkhd {
                track_id: TRACK,
                duration,
                enabled: true,
                in_movie: true,
                width: side(config.size.width),
                height: side(config.size.height),
                ..Tkhd::default()
            },
            edts: lead.map(edit),
            mdia: Mdia {
                mdhd: Mdhd { timescale: TICKS, duration, language: "und".to_owned(), ..Mdhd::default() },
                hdlr: Hdlr { handler: b"vide".into(), name: "video".to_owned() },
                minf: Minf {
                    vmhd: Some(Vmhd::default()),
                    dinf: Dinf { dref: Dref { entries: vec![Url::default().into()] } },
                    stbl: table,
                    ..Minf::default()
                },
            },
            ..Trak::default()
        }],
        ..Moov::default()
    }
}

fn description(config: &Config) -> Result<Stsd, BoxError> {
    let short = || BoxError("a parameter set is cut short".to_owned());
    let side = |side: u32| u16::try_from(side).map_err(|_| BoxError(format!("a side of {side} pixels")));
    let visual = Visual {
        data_reference_index: 1,
        width: side(config.size.width)?,
        height: side(config.size.height)?,
        ..Visual::default()
    };
    let sps = config.sps.first().ok_or_else(short)?;
    let entry: Entry = match config.codec {
        Codec::H264 => {
            let [_, profile, compatibility, level, ..] = *sps.as_slice() else { return Err(short()) };
            let avcc = Avcc {
                configuration_version: 1,
                avc_profile_indication: profile,
                profile_compatibility: compatibility,
                avc_level_indication: level,
                length_size: 4,
                sequence_parameter_sets: config.sps.clone(),
                picture_parameter_sets: config.pps.clone(),
                // Cameras send 4:2:0 with 8 bits, and so do all decoders here expect it.
                ext: matches!(profile, 100 | 110 | 122 | 144).then(AvccExt::default),
            };
            Avc1 { visual, avcc, ..Avc1::default() }.into()
        }
        Codec::H265 => {
            // After the unit's head (2 bytes) and the count of layers (1): general profile, tier and level.
            let general = plain(sps);
            let [_, _, layers, profile, c0, c1, c2, c3, f0, f1, f2, f3, f4, f5, level, ..] = *general.as_slice() else {
                return Err(short());
            };
            let main10 = u8::from(profile & 0x1F == 2) * 2;
            let array = |nal_unit_type, nalus: &Vec<Vec<u8>>| HvcCArray {
                completeness: true,
                nal_unit_type,
                nalus: nalus.clone(),
            };
            let hvcc = Hvcc {
                general_profile_space: profile >> 6,
                general_tier_flag: profile & 0x20 != 0,
                general_profile_idc: profile & 0x1F,
                general_profile_compatibility_flags: [c0, c1, c2, c3],
                general_constraint_indicator_flags: [f0, f1, f2, f3, f4, f5],
                general_level_idc: level,
                chroma_format_idc: 1,
                bit_depth_luma_minus8: main10,
                bit_depth_chroma_minus8: main10,
                num_temporal_layers: (layers >> 1 & 7) + 1,
                temporal_id_nested: layers & 1 == 1,
                length_size_minus_one: 3,
                arrays: vec![array(32, &config.vps), array(33, &config.sps), array(34, &config.pps)],
                ..Hvcc::new()
            };
            Hvc1 { visual, hvcc, ..Hvc1::default() }.into()
        }
    };
    Ok(Stsd { codecs: vec![entry] })
}

/// The beginning of a NAL unit without the bytes that keep start codes out of it (ITU-T H.265, 7.3.1.1).
fn plain(nal: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let mut plain = Vec::with_capacity(24);
    for byte in nal.iter().copied().take(32) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

#[cfg(test)]
pub(super) mod tests {
    use mp4_atom::Decode;

    use super::*;
    use crate::base::Size;

    /// A configuration that looks like a camera's.
    pub(in crate::media) fn config() -> Config {
        Config {
            codec: Codec::H264,
            size: Size { width: 1280, height: 720 },
            vps: vec![],
            sps: vec![vec![0x67, 0x64, 0x00, 0x1F, 0xAC]],
            pps: vec![vec![0x68, 0xEE]],
        }
    }

    /// A fragment's decoding time, its sample, and the sample's bytes.
    pub(in crate::media) fn read_fragment(bytes: &[u8]) -> (u64, Sample, Vec<u8>) {
        let mut rest = bytes;
        let moof = Moof::decode(&mut rest).unwrap();
        let head = bytes.len() - rest.len();
        let mdat = Mdat::decode(&mut rest).unwrap();
        assert!(rest.is_empty());
        let [traf] = moof.traf.as_slice() else { panic!("{moof:?}") };
        let [run] = traf.trun.as_slice() else { panic!("{traf:?}") };
        assert!(traf.tfhd.default_base_is_moof);
        assert_eq!(run.data_offset, Some(i32::try_from(head + 8).unwrap()), "the sample is where it is said to be");
        let entry = run.samples.get(0).unwrap();
        assert_eq!(entry.size, Some(u32::try_from(mdat.data.len()).unwrap()));
        let sample = Sample {
            duration: entry.duration.unwrap(),
            shown_after: i32::try_from(entry.cts.unwrap()).unwrap(),
            key: entry.flags == Some(KEY),
            bytes: entry.size.unwrap(),
        };
        (traf.tfdt.as_ref().unwrap().base_media_decode_time, sample, mdat.data)
    }

    #[test]
    fn an_init_segment_says_what_the_stream_is() {
        let bytes = init(&config()).unwrap();
        let mut rest = bytes.as_slice();
        Ftyp::decode(&mut rest).unwrap();
        let moov = Moov::decode(&mut rest).unwrap();
        assert!(rest.is_empty() && moov.mvex.is_some());
        let [Entry::Avc1(entry)] = moov.trak[0].mdia.minf.stbl.stsd.codecs.as_slice() else { panic!("{moov:?}") };
        assert_eq!((entry.visual.width, entry.visual.height), (1280, 720));
        assert_eq!(entry.avcc.sequence_parameter_sets, config().sps);
        assert_eq!(moov.trak[0].mdia.mdhd.timescale, 90_000);
        for bad in [Config { sps: vec![], ..config() }, Config { size: Size { width: 70_000, height: 1 }, ..config() }]
        {
            assert!(init(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_says_where_each_sample_is() {
        let sample = |duration, shown_after, key, bytes| Sample { duration, shown_after, key, bytes };
        let samples = [
            sample(3600, 3600, true, 10),
            sample(3600, 7200, false, 4),
            sample(3600, 0, false, 5),
            sample(1, 3600, true, 6),
        ];
        let bytes = head(&config(), &samples).unwrap();
        let mut rest = bytes.as_slice();
        Ftyp::decode(&mut rest).unwrap();
        let moov = Moov::decode(&mut rest).unwrap();
        assert_eq!(rest, [&[0, 0, 0, 33], b"mdat".as_slice()].concat(), "the samples follow");
        let table = &moov.trak[0].mdia.minf.stbl;
        assert_eq!(table.stco.as_ref().unwrap().entries, [u32::try_from(bytes.len()).unwrap()]);
        assert_eq!(table.stss.as_ref().unwrap().entries, [1, 4]);
        assert_eq!(
            table.stts.entries.iter().map(|e| (e.sample_count, e.sample_delta)).collect::<Vec<_>>(),
            [(3, 3600), (1, 1)]
        );
        assert_eq!(table.stsz.samples, StszSamples::Different { sizes: vec![10, 4, 5, 6] });
        assert_eq!(moov.mvhd.duration, 3 * 3600 + 1);
        // The first picture is shown 3600 ticks after decoding began.
        let edit = &moov.trak[0].edts.as_ref().unwrap().elst.as_ref().unwrap().entries[0];
        assert_eq!(edit.media_time, Some(3600));
    }
}
