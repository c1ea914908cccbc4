/* Cairn: train, adapt and personalise models inside native programs.
 *
 * The headers in reading order; each stands alone and may be included by itself. */
#ifndef CAIRN_CAIRN_H
#define CAIRN_CAIRN_H

#include "cairn/base.h"     /* status, options, messages, random numbers */
#include "cairn/graph.h"    /* computations, described first and run later */
#include "cairn/autodiff.h" /* derivatives as more of the graph */
#include "cairn/compile.h"  /* from a graph to a program that runs */
#include "cairn/nn.h"       /* layers and models */
#include "cairn/loss.h"     /* objectives */
#include "cairn/optim.h"    /* optimisers and schedules */
#include "cairn/data.h"     /* from files to batches */
#include "cairn/image.h"    /* pictures, augmentation, items decoded on demand */
#include "cairn/audio.h"    /* sounds, resampling, the log-mel front end */
#include "cairn/video.h"    /* frames and clips from files, files from frames */
#include "cairn/tokens.h"   /* texts, files of tokens, windows of them */
#include "cairn/detection.h" /* pictures with boxes */
#include "cairn/weights.h"  /* models of others: Hugging Face directories, GGUF */
#include "cairn/vocabulary.h" /* from bytes to ids and back */
#include "cairn/corpus.h"     /* cleaning, duplicates, quality, shards */
#include "cairn/train.h"    /* the loop, checkpoints, runs */
#include "cairn/report.h"   /* pages, charts, events */
#include "cairn/locoprop.h" /* a method: local losses for each layer */
#include "cairn/cicw.h"     /* a method: weights for labels that may be wrong */
#include "cairn/ssd.h"      /* a method: teachers, students and data without labels */
#include "cairn/spl.h"      /* a method: sub-pseudo labels for weakly labelled data */
#include "cairn/palm.h"     /* a method: a language model of parallel blocks */
#include "cairn/generate.h" /* tokens drawn from logits */
#include "cairn/difference.h" /* how much predictions of models differ */

#endif
