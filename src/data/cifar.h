/* CIFAR-10 and CIFAR-100 in their binary form. */
#ifndef CAIRN_SRC_DATA_CIFAR_H
#define CAIRN_SRC_DATA_CIFAR_H

#include "data/data.h"

/* True for a folder that holds data_batch_1.bin or train.bin. */
bool cairn__is_cifar_folder(const char *path);

/* True for the content of one file whose name ends in .bin and that is a whole number of records of
 * either set, with labels that are in range. */
bool cairn__is_cifar(const void *bytes, size_t size, const char *name);

/* Reads all files of a folder, and the names of the classes, if they are there. Fills the fields of
 * both splits, and names and classes. */
bool cairn__cifar_folder(cairn_dataset *dataset, size_t limit, cairn_status *status);

/* Reads one file into the train split. */
bool cairn__cifar_parse(cairn_dataset *dataset, const void *bytes, size_t size, const char *name,
                        cairn_status *status);

#endif
